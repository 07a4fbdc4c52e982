/** Calls at their server: what handlers are given, what callers are told, and when it is over. */
import assert from "node:assert/strict";
import { type CallContext, currentContext } from "../../../sdk/src/call/call-context.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { Metadata } from "../../../sdk/src/call/metadata.ts";
import { collect, failure } from "../../support/mesh-error.ts";
import { cancelledBy, ServerLab } from "../../support/server-lab.ts";

const noMetadata = new Metadata();

describe("a unary call being served", () => {
  it("is answered, and its record says how it went", async () => {
    const lab = await ServerLab.with({ Ask: (text) => `${text} Ada` });
    assert.equal(await lab.ask("who?"), "who? Ada");
    const [record, ...more] = lab.records;
    assert.deepEqual(more, []);
    assert.equal(record?.code, "OK");
    assert.deepEqual([record.receivedBytes, record.sentBytes, record.thrown], [4, 8, undefined]);
    assert.equal(lab.inFlight.count, 0);
    lab.client.assertQuiet();
  });

  it("is answered at once by a handler that needs no promise, and by one that does", async () => {
    const lab = await ServerLab.with({
      Ask: (text) => (text === "later" ? Promise.resolve("late") : "now"),
    });
    assert.equal(await lab.ask("now"), "now");
    assert.equal(await lab.ask("later"), "late");
  });

  it("ends with the contract's deadline although the caller gave more time, and the handler is told", async () => {
    let told: Promise<MeshError> | undefined;
    let answer: ((text: string) => void) | undefined;
    const lab = await ServerLab.with(
      {
        Ask: (_text, context) => {
          told = cancelledBy(context);
          return new Promise((resolve) => (answer = resolve));
        },
      },
      { policy: { deadlineMs: 100 } },
    );
    const call = failure(lab.ask("who?", { timeoutMs: 5_000 }));
    await lab.settle();
    await lab.clock.advanceAsync(100);
    const error = await call;
    assert.equal(error.code, "DEADLINE_EXCEEDED");
    assert.match(error.reason, /handler of lab.v1.LabService\/Ask took longer than the contract's 100 ms/);
    assert.equal((await told)?.code, "DEADLINE_EXCEEDED");
    answer?.("too late");
    await lab.settle();
    assert.equal(lab.records.length, 1);
    assert.equal(lab.inFlight.count, 0);
    lab.client.assertQuiet();
  });

  it("tells its handler of the deadline that comes first and how much is left", async () => {
    const seen: number[] = [];
    const lab = await ServerLab.with(
      {
        Ask: (_text, context) => {
          seen.push(context.remainingMs());
          return "ok";
        },
      },
      { policy: { deadlineMs: 100 } },
    );
    await lab.ask("who?", { timeoutMs: 40 });
    await lab.ask("who?", { timeoutMs: 400 });
    assert.deepEqual(seen, [40, 100]);
    lab.client.assertQuiet();
  });

  it("is over for a caller that has cancelled, whatever its handler does afterwards", async () => {
    const contexts: CallContext[] = [];
    let reject: ((error: Error) => void) | undefined;
    const lab = await ServerLab.with({
      Ask: (_text, context) => {
        contexts.push(context);
        return new Promise((_resolve, fail) => (reject = fail));
      },
    });
    const controller = new AbortController();
    const call = failure(lab.ask("who?", { signal: controller.signal }));
    await lab.settle();
    controller.abort();
    await call;
    await lab.settle();
    assert.equal(contexts[0]?.signal.aborted, true);
    reject?.(new Error("late"));
    await lab.settle();
    assert.equal(lab.records.length, 1);
    assert.equal(lab.records[0]?.code, "CANCELLED");
    assert.equal(lab.inFlight.count, 0);
    lab.client.assertQuiet();
  });

  it("that throws a MeshError gives its caller code, reason and trailers; anything else is INTERNAL and unnamed", async () => {
    const thrown = new TypeError("secret");
    const lab = await ServerLab.with({
      Ask: (text) => {
        if (text === "mesh") throw new MeshError("ABORTED", "try again with the new version");
        throw thrown;
      },
    });
    assert.equal((await failure(lab.ask("mesh"))).reason, "try again with the new version");
    const error = await failure(lab.ask("plain"));
    assert.equal(error.code, "INTERNAL");
    assert.doesNotMatch(error.message, /secret/);
    assert.deepEqual(
      lab.records.map(({ code, thrown: cause }) => [code, cause]),
      [
        ["ABORTED", undefined],
        ["INTERNAL", thrown],
      ],
    );
  });

  it("is INTERNAL when the request cannot be decoded or the response does not fit", async () => {
    let handled = 0;
    const lab = await ServerLab.with({
      Ask: () => {
        handled++;
        return 7;
      },
    });
    const wrong = await failure(lab.ask("who?"));
    assert.match(wrong.reason, /handler of lab.v1.LabService\/Ask gave a message that does not fit/);
    const connection = lab.client.channel.connectionOf(lab.client.channel.endpoints[0]!)!;
    const outcome = await new Promise<{ status: number; reason: string }>((resolve) => {
      const call = {
        path: "/lab.v1.LabService/Ask",
        metadata: noMetadata,
        deadline: Infinity,
        encoding: "identity" as const,
      };
      connection.unary(call, Buffer.from("!"), { onHeaders: () => {}, onDone: resolve });
    });
    assert.equal(outcome.status, 13);
    assert.match(outcome.reason, /request of lab.v1.LabService\/Ask cannot be decoded/);
    assert.equal(handled, 1);
    assert.equal(lab.inFlight.count, 0);
  });

  it("lets a handler choose how its responses are written, and tells it how much has come", async () => {
    const seen: unknown[] = [];
    const lab = await ServerLab.with({
      Ask(text, context) {
        seen.push(context.compression, context.receivedBytes);
        context.compression = text === "odd" ? ("br" as "gzip") : "gzip";
        seen.push(context.compression);
        return text;
      },
    });
    assert.equal(await lab.ask("who?"), "who?");
    assert.deepEqual(seen, ["identity", 4, "gzip"]);
    const refused = await failure(lab.ask("odd"));
    assert.equal(refused.code, "INTERNAL");
    assert.match(refused.reason, /handler of lab.v1.LabService\/Ask set compression to br: set "gzip" or "identity"/);
  });

  it("sends the handler's headers once, before the answer, and its trailers with the status, good or bad", async () => {
    const lab = await ServerLab.with({
      Ask: (text, context) => {
        context.responseHeaders.set("x-head", "h");
        context.responseTrailers.set("x-trail", "t");
        if (text === "bad") throw new MeshError("ABORTED", "no");
        return text;
      },
    });
    const headers: Metadata[] = [];
    const trailers: Metadata[] = [];
    const options = {
      onHeaders: (one: Metadata) => void headers.push(one),
      onTrailers: (one: Metadata) => void trailers.push(one),
    };
    await lab.ask("good", options);
    await failure(lab.ask("bad", options));
    assert.deepEqual(
      headers.map((one) => one.get("x-head")),
      ["h"],
    );
    assert.deepEqual(
      trailers.map((one) => one.get("x-trail")),
      ["t", "t"],
    );
  });

  it("runs in its context inside the interceptors, the first outermost", async () => {
    const order: string[] = [];
    const lab = await ServerLab.with(
      {
        Ask: (text, context) => {
          order.push(`handler ${String(currentContext() === context)}`);
          return text;
        },
      },
      {
        interceptors: ["one", "two"].map((name) => (next) => async (call) => {
          order.push(`${name} ${call.method.name} ${String(currentContext() === call.context)}`);
          return next({ ...call, input: `${String(call.input)} ${name}` });
        }),
      },
    );
    assert.equal(await lab.ask("hi"), "hi one two");
    assert.deepEqual(order, ["one Ask true", "two Ask true", "handler true"]);
  });
});

describe("a streaming call being served", () => {
  it("is answered message by message", async () => {
    const lab = await ServerLab.with({
      async *Chat(texts) {
        for await (const text of texts) yield text.toUpperCase();
      },
      Gather: async (texts) => (await collect(texts)).join("+"),
      *List(text) {
        yield text;
        yield `${text} again`;
      },
    });
    assert.deepEqual(await collect(lab.open("Chat", ["a", "b"]).responses), ["A", "B"]);
    assert.deepEqual(await collect(lab.open("Gather", ["a", "b"]).responses), ["a+b"]);
    assert.deepEqual(await collect(lab.open("List", ["a"]).responses), ["a", "a again"]);
    await lab.settle();
    assert.equal(lab.inFlight.count, 0);
    assert.deepEqual(
      lab.records.map(({ code }) => code),
      ["OK", "OK", "OK"],
    );
    lab.client.assertQuiet();
  });

  it("runs its generator in the call's context from the first line to the last", async () => {
    const seen: boolean[] = [];
    const lab = await ServerLab.with({
      async *Chat(texts, context) {
        const look = (): void => void seen.push(currentContext() === context);
        try {
          look();
          for await (const text of texts) {
            look();
            yield text;
            look();
          }
        } finally {
          look();
        }
      },
    });
    assert.deepEqual(await collect(lab.open("Chat", ["a"]).responses), ["a"]);
    assert.deepEqual(seen, [true, true, true, true]);
  });

  it("tells what the handler threw before its first message, and gives what came before a later one", async () => {
    const lab = await ServerLab.with({
      async *List(text) {
        if (text === "at once") throw new MeshError("NOT_FOUND", "nothing here");
        yield "one";
        throw new MeshError("DATA_LOSS", "half of it is gone");
      },
    });
    const early = await failure(collect(lab.open("List", ["at once"]).responses));
    assert.equal(early.code, "NOT_FOUND");
    const call = lab.open("List", ["later"]);
    assert.equal((await call.responses.next()).value, "one");
    assert.equal((await failure(call.responses.next())).code, "DATA_LOSS");
    await lab.settle();
    lab.client.assertQuiet();
  });

  it("runs its generator's finally when the caller leaves, and ends the requests it waits for", async () => {
    let ended: ((how: string) => void) | undefined;
    const finished = new Promise<string>((resolve) => (ended = resolve));
    const lab = await ServerLab.with({
      async *Chat(texts) {
        try {
          for await (const text of texts) yield text;
        } catch (error) {
          ended?.((error as MeshError).code);
        }
      },
    });
    const call = lab.open(
      "Chat",
      (async function* () {
        yield "a";
        await new Promise(() => {});
      })(),
    );
    assert.equal((await call.responses.next()).value, "a");
    await call.responses.return();
    assert.equal(await finished, "CANCELLED");
    await lab.settle();
    assert.equal(lab.inFlight.count, 0);
    lab.client.assertQuiet();
  });

  it("may be answered before all its requests were read, and who still reads them gets their end", async () => {
    let rest: Promise<string[]> | undefined;
    const lab = await ServerLab.with({
      Gather: async (texts) => {
        const reader = texts[Symbol.asyncIterator]();
        await reader.next();
        rest = collect({ [Symbol.asyncIterator]: () => reader });
        return "enough";
      },
    });
    const call = lab.open(
      "Gather",
      (async function* () {
        yield "a";
        await new Promise(() => {});
      })(),
    );
    assert.equal((await call.responses.next()).value, "enough");
    assert.deepEqual(await rest, []);
    await lab.settle();
    assert.equal(lab.inFlight.count, 0);
  });

  it("is answered in full when the handler stops reading", async () => {
    const lab = await ServerLab.with({
      async *Chat(texts) {
        for await (const text of texts) {
          yield text;
          break;
        }
        yield "done";
      },
    });
    assert.deepEqual(await collect(lab.open("Chat", ["a", "b", "c"]).responses), ["a", "done"]);
    await lab.settle();
    lab.client.assertQuiet();
  });

  it("takes no more from its handler than the caller reads", async () => {
    let yielded = 0;
    let closed = false;
    const lab = await ServerLab.with({
      *List() {
        try {
          for (;;) yield String(yielded++);
        } finally {
          closed = true;
        }
      },
    });
    const call = lab.open("List", ["go"]);
    await lab.settle();
    assert.ok(yielded > 0 && yielded < 50, `${yielded} messages were taken`);
    await call.responses.return();
    await lab.settle();
    assert.equal(closed, true);
    assert.equal(lab.inFlight.count, 0);
    lab.client.assertQuiet();
  });

  it("ends with the contract's deadline while its handler waits for room", async () => {
    const lab = await ServerLab.with(
      {
        *List() {
          for (;;) yield "more";
        },
      },
      { policy: { deadlineMs: 100 } },
    );
    const call = lab.open("List", ["go"]);
    await lab.settle();
    await lab.clock.advanceAsync(100);
    assert.equal((await failure(collect(call.responses))).code, "DEADLINE_EXCEEDED");
    await lab.settle();
    assert.equal(lab.inFlight.count, 0);
    lab.client.assertQuiet();
  });

  it("is INTERNAL without its request, with one that cannot be decoded, and without an iterable", async () => {
    const lab = await ServerLab.with({ List: (text) => (text === "number" ? 7 : []) });
    assert.match((await failure(collect(lab.open("List", []).responses))).reason, /sent no request/);
    assert.match((await failure(collect(lab.open("List", ["number"]).responses))).reason, /did not return an iterable/);
    const connection = lab.client.channel.connectionOf(lab.client.channel.endpoints[0]!)!;
    const outcome = await new Promise<{ status: number; reason: string }>((resolve) => {
      const call = {
        path: "/lab.v1.LabService/List",
        metadata: noMetadata,
        deadline: Infinity,
        encoding: "identity" as const,
      };
      const receiver = { onHeaders: () => {}, onMessage: () => {}, onDrain: () => {}, onDone: resolve };
      const stream = connection.open(call, receiver);
      stream.send(Buffer.from("!"));
      stream.end();
    });
    assert.equal(outcome.status, 13);
    assert.match(outcome.reason, /cannot be decoded/);
    await lab.settle();
    assert.equal(lab.inFlight.count, 0);
  });
});
