/** What a client of the transport port must see of the lab's service, whatever serves it and stands in between. */
import assert from "node:assert/strict";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { Metadata } from "../../sdk/src/call/metadata.ts";
import { STATUS_NUMBERS } from "../../sdk/src/call/status.ts";
import { FAILURE } from "./lab-service.ts";
import { type Connected, type StreamAtClient } from "./transport-lab.ts";

export interface LabCallsOptions {
  /** Of the long messages. */
  readonly longBytes: number;
  /** Whether both ends count the bytes of compressed messages as they are on the wire; grpc-js does not. */
  readonly countsCompressed: boolean;
}

const SHORT = Buffer.from("hi");

/** Declares the tests; a connection that is ready is asked for when they run. */
export function carriesCalls(connected: () => Connected, { longBytes, countsCompressed }: LabCallsOptions): void {
  it("unary ones, with metadata and trailers both ways", async () => {
    const metadata = new Metadata().set("x-text", "some text").set("x-raw-bin", Uint8Array.of(0, 255, 44, 10));
    const client = connected();
    let headers = new Metadata();
    const trailers = await new Promise<Metadata>((resolve, reject) => {
      client.connection.unary(client.call("Echo", { metadata }), SHORT, {
        onHeaders: (received) => (headers = received),
        onDone: ({ status, reason, trailers }) => (status === 0 ? resolve(trailers) : reject(new Error(reason))),
      });
    });
    assert.equal(headers.get("head-text"), "some text");
    assert.deepEqual([...(headers.getBinary("head-raw-bin") ?? [])], [0, 255, 44, 10]);
    assert.equal(trailers.get("trail-text"), "some text");
    assert.deepEqual([...(trailers.getBinary("trail-raw-bin") ?? [])], [0, 255, 44, 10]);
  });

  it("those whose server streams", async () => {
    const list = await listed(connected(), 20, 1_000);
    assert.deepEqual(list, { status: 0, messages: 20, bytes: 20_000 });
  });

  it("those whose client streams", async () => {
    assert.equal(await gathered(connected(), 20, 1_000), "20 20000");
  });

  it("conversations, each answer before the next question", async () => {
    const chat = connected().stream("Chat");
    for (const text of ["one", "two", "three"]) {
      chat.send(text);
      assert.equal(await message(chat), text);
    }
    chat.stream.end();
    chat.stream.request();
    assert.equal((await chat.ended).status, 0);
  });

  it("errors with their message and trailers", async () => {
    const { status, reason, trailers, processed } = await connected().unary("Fail");
    assert.deepEqual([status, reason, processed], [STATUS_NUMBERS.NOT_FOUND, FAILURE, true]);
    assert.equal(trailers.get("x-why"), "empty");
  });

  it("deadlines, of which the server hears as well", async () => {
    const client = connected();
    const gone = client.unary("Cancelled");
    const { status } = await client.unary("Hold", SHORT, { deadline: systemClock.now() + 200 });
    assert.equal(status, STATUS_NUMBERS.DEADLINE_EXCEEDED);
    assert.match(text(await gone), /^(?:DEADLINE_EXCEEDED|CANCELLED)$/);
  });

  it("cancelling, of which the server hears", async () => {
    const client = connected();
    const gone = client.unary("Cancelled");
    let done: (status: number) => void = () => {};
    const ended = new Promise<number>((resolve) => (done = resolve));
    const held = client.connection.unary(client.call("Hold"), SHORT, {
      onHeaders: () => {},
      onDone: ({ status }) => done(status),
    });
    // Answered after the held call was sent: it has arrived, or will before its cancelling.
    await client.unary("Echo");
    held.cancel(STATUS_NUMBERS.CANCELLED, "no need");
    assert.equal(await ended, STATUS_NUMBERS.CANCELLED);
    assert.equal(text(await gone), "CANCELLED");
  });

  it(`messages of ${longBytes} bytes each way`, async () => {
    const client = connected();
    const long = Buffer.alloc(longBytes, "0123456789abcdef");
    const { status, reason, body } = await client.unary("Echo", long);
    assert.equal(status, 0, reason);
    assert.ok(Buffer.from(body ?? []).equals(long));
    assert.deepEqual(await listed(client, 3, longBytes), { status: 0, messages: 3, bytes: 3 * longBytes });
    assert.equal(await gathered(client, 3, longBytes), `3 ${3 * longBytes}`);
  });

  it("messages of no bytes", async () => {
    const client = connected();
    assert.equal((await client.unary("Echo", Buffer.alloc(0))).body?.length, 0);
    assert.deepEqual(await listed(client, 3, 0), { status: 0, messages: 3, bytes: 0 });
  });

  it("several at a time", async () => {
    const client = connected();
    const bodies = Array.from({ length: 60 }, (_, at) => Buffer.alloc(1 + at * 997, at));
    const [echoes, lists, gatherings] = await Promise.all([
      Promise.all(bodies.map((body) => client.unary("Echo", body))),
      Promise.all(bodies.slice(0, 10).map((_, at) => listed(client, at, 10_000))),
      Promise.all(bodies.slice(0, 10).map((_, at) => gathered(client, at, 10_000))),
    ]);
    echoes.forEach(({ body }, at) => assert.ok(Buffer.from(body ?? []).equals(bodies[at]!), `message ${at}`));
    lists.forEach((list, at) => assert.deepEqual(list, { status: 0, messages: at, bytes: at * 10_000 }));
    gatherings.forEach((gathering, at) => assert.equal(gathering, `${at} ${at * 10_000}`));
  });

  it("compressed ones", async () => {
    const client = connected();
    const body = Buffer.alloc(20_000, "a");
    const ended = await client.unary("Echo", body, { encoding: "gzip" });
    assert.ok(Buffer.from(ended.body ?? []).equals(body), ended.reason);
    if (!countsCompressed) return;
    assert.ok(ended.sentBytes < 1_000, `${ended.sentBytes} bytes were sent`);
    assert.ok(ended.receivedBytes < 1_000, `${ended.receivedBytes} bytes were received`);
  });
}

export function text({ body, reason }: { body?: Uint8Array | undefined; reason: string }): string {
  return body === undefined ? reason : Buffer.from(body).toString();
}

/** The next message, past the headers. */
async function message(stream: StreamAtClient): Promise<string> {
  stream.stream.request();
  for (;;) {
    const event = await next(stream);
    if (event !== "headers" && event !== "drain") return event;
  }
}

/** What happens next, unless the stream ends. */
async function next(stream: StreamAtClient): Promise<string> {
  const early = stream.ended.then(({ status, reason }) => assert.fail(`stream ended with status ${status}: ${reason}`));
  return Promise.race([stream.events.next(), early]);
}

async function listed(client: Connected, count: number, bytes: number) {
  let messages = 0;
  let received = 0;
  const ended = new Promise<number>((resolve) => {
    const stream = client.connection.open(client.call("List"), {
      onHeaders: () => {},
      onMessage: (body) => {
        messages++;
        received += body.length;
        stream.request();
      },
      onDrain: () => {},
      onDone: ({ status }) => resolve(status),
    });
    stream.send(Buffer.from(`${count} ${bytes}`));
    stream.end();
    stream.request();
  });
  return { status: await ended, messages, bytes: received };
}

async function gathered(client: Connected, count: number, bytes: number): Promise<string> {
  const stream = client.stream("Gather");
  const body = Buffer.alloc(bytes, "g");
  for (let sent = 0; sent < count; sent++) {
    if (stream.stream.send(body)) continue;
    while ((await next(stream)) !== "drain") continue;
  }
  stream.stream.end();
  const answer = await message(stream);
  stream.stream.request();
  assert.equal((await stream.ended).status, 0);
  return answer;
}
