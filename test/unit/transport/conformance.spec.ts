/** What every implementation of the Transport port does alike. */
import assert from "node:assert/strict";
import { systemClock } from "../../../sdk/src/call/clock.ts";
import { Metadata } from "../../../sdk/src/call/metadata.ts";
import { STATUS_NUMBERS } from "../../../sdk/src/call/status.ts";
import { inMemoryTransport } from "../../../sdk/src/testing/in-memory-transport.ts";
import { grpcJsTransport } from "../../../sdk/src/transport/grpc-js/grpc-js-transport.ts";
import { nativeTransport } from "../../../sdk/src/transport/native/native-transport.ts";
import {
  DEFAULT_LIMITS,
  type IncomingCall,
  type Listener,
  type ServerMethod,
  type Transport,
  type TransportLimits,
  type UnaryRespond,
} from "../../../sdk/src/transport/transport.ts";
import { Inbox } from "../../support/inbox.ts";
import { Connected, OK, type StreamAtServer, streamMethod, unaryMethod } from "../../support/transport-lab.ts";

const MIB = 1024 * 1024;
const clock = systemClock;

/** Waits for a call and cancels it in the end, so that no test leaves one open. */
class Held {
  readonly arrived = new Inbox<{ call: IncomingCall; body: Uint8Array; respond: UnaryRespond }>();
  readonly streams = new Inbox<StreamAtServer>();

  readonly dispatch: ReadonlyMap<string, ServerMethod> = new Map([
    unaryMethod("Echo", (_call, body, respond) => respond(OK, body)),
    unaryMethod("Hold", (call, body, respond) => this.arrived.put({ call, body, respond })),
    streamMethod("Chat", (call) => this.streams.put(call)),
  ]);
}

const inMemory = inMemoryTransport({ clock });

/** Client and server: each by itself, and against the other's wire. */
const SIDES: readonly (readonly [string, () => Transport, () => Transport])[] = [
  ["the native transport", nativeTransport, nativeTransport],
  ["the grpc-js transport", grpcJsTransport, grpcJsTransport],
  ["the native transport before a grpc-js server", nativeTransport, grpcJsTransport],
  ["the native transport behind a grpc-js client", grpcJsTransport, nativeTransport],
  ["the in-memory transport", () => inMemory, () => inMemory],
];

for (const [title, makeClient, makeServer] of SIDES) {
  describe(title, () => {
    const open: { connections: Connected[]; listeners: Listener[] } = { connections: [], listeners: [] };

    async function start(limits: Partial<TransportLimits> = {}, clientLimits = limits) {
      const clients = makeClient();
      const servers = makeServer();
      const transport: Transport = {
        name: title,
        connect: (to, options) => clients.connect(to, options),
        listen: (options, dispatch) => servers.listen(options, dispatch),
      };
      const held = new Held();
      const options = { address: { host: "127.0.0.1", port: 0 }, limits: { ...DEFAULT_LIMITS, ...limits }, clock };
      const listener = await transport.listen(options, held.dispatch);
      open.listeners.push(listener);
      const connect = (): Promise<Connected> => {
        const connected = new Connected(transport, listener.address, clock, clientLimits);
        open.connections.push(connected);
        return connected.reached("ready");
      };
      return { transport, held, listener, connect, client: await connect() };
    }

    afterEach(async () => {
      for (const { connection } of open.connections.splice(0)) connection.close();
      await Promise.all(open.listeners.splice(0).map((listener) => listener.drain(0)));
    });

    it("carries unary calls with their metadata, and tells the caller's address and deadline", async () => {
      const { held, client } = await start();
      const metadata = new Metadata()
        .append("x-two", "one")
        .append("x-two", "two")
        .set("x-raw-bin", Uint8Array.of(0, 255));
      const deadline = clock.now() + 5_000;
      const answer = client.unary("Hold", Buffer.from("hi"), { metadata, deadline });
      const { call, body, respond } = await held.arrived.next();
      assert.equal(Buffer.from(body).toString(), "hi");
      assert.deepEqual(call.metadata.getAll("x-two").join().replaceAll(" ", ""), "one,two");
      assert.deepEqual([...(call.metadata.getBinary("x-raw-bin") ?? [])], [0, 255]);
      assert.ok(Math.abs(call.deadline - deadline) < 1_000, `${call.deadline} is far from ${deadline}`);
      assert.match(call.peer, /^.+:\d+$/);
      respond({ ...OK, trailers: new Metadata().set("x-trail", "t") }, Buffer.from("ho"));
      const ended = await answer;
      assert.equal(ended.status, 0);
      assert.equal(Buffer.from(ended.body ?? []).toString(), "ho");
      assert.equal(ended.trailers.get("x-trail"), "t");
    });

    it("counts the bytes of messages at both ends, and tells the server the path", async () => {
      const { held, client } = await start();
      const { sentBytes, receivedBytes } = await client.unary("Echo", Buffer.from("hello"));
      assert.deepEqual([sentBytes, receivedBytes], [5, 5]);
      const chat = client.stream("Chat");
      chat.send("one");
      const server = await held.streams.next();
      server.stream.request();
      assert.equal(await server.events.next(), "one");
      assert.equal(server.incoming.path, "/lab.v1.LabService/Chat");
      assert.equal(server.incoming.receivedBytes, 3);
      server.stream.send(Buffer.from("four"));
      assert.equal(server.incoming.sentBytes, 4);
      while ((await chat.read()) === "headers");
      server.stream.finish(OK);
      const ended = await chat.ended;
      assert.deepEqual([ended.sentBytes, ended.receivedBytes], [3, 4]);
    });

    it("keeps no memory of a short message beyond the call that gave it, either way", async () => {
      const { held, client } = await start();
      const scratch = Buffer.from("hello");
      const echoed = client.unary("Echo", scratch);
      scratch.fill("x");
      assert.equal(Buffer.from((await echoed).body ?? []).toString(), "hello");
      const chat = client.stream("Chat");
      for (const text of ["first", "other"]) {
        scratch.write(text);
        chat.stream.send(scratch);
      }
      scratch.fill("x");
      const server = await held.streams.next();
      for (const text of ["first", "other"]) {
        server.stream.request();
        assert.equal(await server.events.next(), text);
      }
      for (const text of ["reply", "again"]) {
        scratch.write(text);
        server.stream.send(scratch);
      }
      scratch.fill("x");
      let read = await chat.read();
      if (read === "headers") read = await chat.events.next();
      assert.equal(read, "reply");
      assert.equal(await chat.read(), "again");
      server.stream.finish(OK);
      await chat.ended;
    });

    it("carries calls that ask for gzip, messages that are left as they are among them", async () => {
      const { held, client } = await start();
      const body = Buffer.alloc(1_000, "a");
      assert.deepEqual(Buffer.from((await client.unary("Echo", body, { encoding: "gzip" })).body ?? []), body);
      const chat = client.stream("Chat", { encoding: "gzip" });
      chat.stream.send(Buffer.from("small"), "identity");
      chat.stream.send(Buffer.from("packed"));
      const server = await held.streams.next();
      for (const text of ["small", "packed"]) {
        server.stream.request();
        assert.equal(await server.events.next(), text);
      }
      server.incoming.encoding = "gzip";
      server.stream.finish(OK);
      assert.equal((await chat.ended).status, 0);
    });

    it("has no deadline when the caller sets none", async () => {
      const { held, client } = await start();
      const answer = client.unary("Hold");
      const { call, respond } = await held.arrived.next();
      assert.equal(call.deadline, Infinity);
      respond(OK, Buffer.from(""));
      assert.equal((await answer).body?.byteLength, 0);
    });

    it("answers UNIMPLEMENTED with its path for a method that the server lacks", async () => {
      const { client } = await start();
      const ended = await client.unary("Missing");
      assert.equal(ended.status, STATUS_NUMBERS.UNIMPLEMENTED);
      assert.match(ended.reason, /lab.v1.LabService\/Missing/);
      assert.equal(ended.processed, true);
    });

    it("ends a call at its deadline on both sides", async () => {
      const { held, client } = await start();
      const answer = client.unary("Hold", Buffer.from("hi"), { deadline: clock.now() + 30 });
      const { call, respond } = await held.arrived.next();
      const ended = await answer;
      assert.equal(ended.status, STATUS_NUMBERS.DEADLINE_EXCEEDED);
      assert.equal(ended.body, undefined);
      const reason = await new Promise<{ code: string }>((resolve) => call.cancellation.onCancel(resolve));
      assert.equal(reason.code, "DEADLINE_EXCEEDED");
      respond(OK, Buffer.from("late"));
    });

    it("tells the server of a call that its caller cancels", async () => {
      const { held, client } = await start();
      let ended: ((status: number) => void) | undefined;
      const done = new Promise<number>((resolve) => (ended = resolve));
      const open = client.connection.unary(client.call("Hold"), Buffer.from("hi"), {
        onHeaders: () => {},
        onDone: ({ status }) => ended?.(status),
      });
      const { call, respond } = await held.arrived.next();
      open.cancel(STATUS_NUMBERS.CANCELLED, "no need");
      assert.equal(await done, STATUS_NUMBERS.CANCELLED);
      const reason = await new Promise<{ code: string }>((resolve) => call.cancellation.onCancel(resolve));
      assert.equal(reason.code, "CANCELLED");
      respond(OK, Buffer.from("late"));
    });

    it("carries a conversation in order and ends it after the last message", async () => {
      const { held, client } = await start();
      const caller = client.stream("Chat");
      for (const text of ["one", "two", "three"]) caller.send(text);
      caller.stream.end();
      const server = await held.streams.next();
      for (let ask = 0; ask < 4; ask++) server.stream.request();
      const seen = [];
      for (let event = 0; event < 4; event++) seen.push(await server.events.next());
      assert.deepEqual(seen, ["one", "two", "three", "half-close"]);
      for (const text of ["uno", "due", "tre"]) server.stream.send(Buffer.from(text));
      server.stream.finish({ ...OK, trailers: new Metadata().set("x-trail", "t") });
      const read = [await caller.read()];
      for (let ask = 0; ask < 3; ask++) caller.stream.request();
      for (let event = 0; event < 3; event++) read.push(await caller.events.next());
      assert.deepEqual(read, ["headers", "uno", "due", "tre"]);
      const ended = await caller.ended;
      assert.deepEqual([ended.status, ended.trailers.get("x-trail")], [0, "t"]);
    });

    it("gives one message for each that was asked for, also when several were asked at once", async () => {
      const { held, client } = await start();
      const caller = client.stream("Chat");
      caller.send("hi");
      const server = await held.streams.next();
      for (let count = 0; count < 6; count++) server.stream.send(Buffer.from(`message ${count}`));
      for (let ask = 0; ask < 3; ask++) caller.stream.request();
      const seen = [];
      for (let event = 0; event < 4; event++) seen.push(await caller.events.next());
      assert.deepEqual(seen, ["headers", "message 0", "message 1", "message 2"]);
      await client.unary("Echo");
      assert.equal(caller.events.waiting, 0);
      assert.equal(await caller.read(), "message 3");
      caller.stream.cancel(STATUS_NUMBERS.CANCELLED, "enough");
      await caller.ended;
    });

    it("gives the server no request that it has not asked for", async () => {
      const { held, client } = await start();
      const caller = client.stream("Chat");
      for (const text of ["one", "two"]) caller.send(text);
      const server = await held.streams.next();
      server.stream.request();
      assert.equal(await server.events.next(), "one");
      await client.unary("Echo");
      assert.equal(server.events.waiting, 0);
      server.stream.request();
      assert.equal(await server.events.next(), "two");
      caller.stream.cancel(STATUS_NUMBERS.CANCELLED, "enough");
      await caller.ended;
    });

    it("asks a sender to wait when nobody reads, and tells it when there is room, both ways", async () => {
      const { held, client } = await start();
      const caller = client.stream("Chat");
      const chunk = Buffer.alloc(64 * 1024);
      let sent = 0;
      while (caller.stream.send(chunk)) assert.ok(++sent < 10_000, "the caller was never asked to wait");
      const server = await held.streams.next();
      let answered = 0;
      while (server.stream.send(chunk)) assert.ok(++answered < 10_000, "the server was never asked to wait");
      for (let ask = 0; ask <= sent; ask++) server.stream.request();
      for (let ask = 0; ask <= answered; ask++) caller.stream.request();
      const drained = async (events: Inbox<string>): Promise<void> => {
        while ((await events.next()) !== "drain") continue;
      };
      await Promise.all([drained(caller.events), drained(server.events)]);
      caller.stream.cancel(STATUS_NUMBERS.CANCELLED, "enough");
      await caller.ended;
    });

    it("carries messages of 3 MiB both ways", async () => {
      const { client } = await start();
      const big = Buffer.alloc(3 * MIB, "x");
      const { status, body } = await client.unary("Echo", big);
      assert.equal(status, 0);
      assert.ok(Buffer.from(body ?? []).equals(big));
    });

    it("answers RESOURCE_EXHAUSTED for messages over a limit, whoever's it is", async () => {
      for (const [server, client] of [
        [{ maxReceiveMessageBytes: 100 }, {}],
        [{}, { maxReceiveMessageBytes: 100 }],
        [{}, { maxSendMessageBytes: 100 }],
      ] as const) {
        const started = await start(server, client);
        const ended = await started.client.unary("Echo", Buffer.alloc(101));
        assert.equal(ended.status, STATUS_NUMBERS.RESOURCE_EXHAUSTED);
        assert.match(ended.reason, /100/);
        assert.equal((await started.client.unary("Echo", Buffer.alloc(90))).status, 0);
      }
    });

    it("fails calls to an address that nobody listens on as unseen, and connects once somebody does", async () => {
      const { transport, listener, held } = await start();
      await listener.drain(0);
      const connected = new Connected(transport, listener.address, clock);
      open.connections.push(connected);
      await connected.reached("failed");
      const ended = await connected.unary("Echo");
      assert.equal(ended.status, STATUS_NUMBERS.UNAVAILABLE);
      assert.equal(ended.processed, false);
      const options = { address: listener.address, limits: DEFAULT_LIMITS, clock };
      open.listeners.push(await transport.listen(options, held.dispatch));
      await connected.reached("ready");
      assert.equal((await connected.unary("Echo")).status, 0);
    });

    it("refuses to listen where somebody does", async () => {
      const { transport, listener, held } = await start();
      const options = { address: listener.address, limits: DEFAULT_LIMITS, clock };
      await assert.rejects(transport.listen(options, held.dispatch), {
        name: "MeshError",
        message: /the port is in use; .*choose another/,
      });
    });

    it("lets calls finish when it drains, and takes no new ones", async () => {
      const { held, listener, client } = await start();
      const answer = client.unary("Hold");
      const { respond } = await held.arrived.next();
      let over = false;
      const drained = listener.drain(10_000).then(() => (over = true));
      await client.reached("failed");
      assert.equal((await client.unary("Echo")).processed, false);
      assert.equal(over, false);
      respond(OK, Buffer.from("in time"));
      assert.equal(Buffer.from((await answer).body ?? []).toString(), "in time");
      await drained;
    });

    it("ends what is left open after its grace, and tells both sides", async () => {
      const { held, listener, client } = await start();
      const streamed = client.stream("Chat");
      streamed.send("hi");
      const server = await held.streams.next();
      const answer = client.unary("Hold");
      const { call, respond } = await held.arrived.next();
      call.cancellation.onCancel(({ status, reason }) => respond({ ...OK, status, reason }, undefined));
      await listener.drain(20);
      assert.equal(await server.events.next(), "cancelled: UNAVAILABLE");
      for (const ended of [await streamed.ended, await answer]) {
        assert.equal(ended.status, STATUS_NUMBERS.UNAVAILABLE);
        assert.match(ended.reason, /server stopped before the call was done/);
        assert.equal(ended.processed, true);
      }
    });

    it("cuts off who does not end a call that it was told to end", async () => {
      const { held, listener, client } = await start();
      const answer = client.unary("Hold");
      const { respond } = await held.arrived.next();
      await listener.drain(0);
      const ended = await answer;
      assert.notEqual(ended.status, 0);
      assert.equal(ended.processed, true);
      respond(OK, Buffer.from("late"));
    });

    it("finishes open calls on a connection that is closed, and takes no new ones", async () => {
      const { held, client } = await start();
      const answer = client.unary("Hold");
      const { respond } = await held.arrived.next();
      client.connection.close();
      assert.equal(client.connection.state, "closed");
      assert.throws(() =>
        client.connection.unary(client.call("Echo"), Buffer.from(""), { onHeaders() {}, onDone() {} }),
      );
      respond(OK, Buffer.from("still"));
      assert.equal(Buffer.from((await answer).body ?? []).toString(), "still");
      client.connection.close();
      assert.equal(client.states.filter((state) => state === "closed").length, 1);
    });
  });
}
