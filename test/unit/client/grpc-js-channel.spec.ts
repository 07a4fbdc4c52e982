/** Calls of grpc-js clients on the attempt engine, message by message, as grpc-js's client classes make them. */
import assert from "node:assert/strict";
import { connectivityState, credentials, Metadata as GrpcMetadata } from "@grpc/grpc-js";
import type { GrpcJsCall } from "../../../sdk/src/client/grpc-js-call.ts";
import { GrpcJsChannel } from "../../../sdk/src/client/grpc-js-channel.ts";
import type { CredentialsRule } from "../../../sdk/src/client/grpc-js-credentials.ts";
import { CallLab, live, type Peer, type ServedByTest } from "../../support/call-lab.ts";

const CANCELLED = 1;
const PATH = "/lab.v1.LabService/Chat";

interface Heard {
  readonly messages: string[];
  headers: GrpcMetadata | undefined;
  status: { readonly code: number; readonly details: string; readonly metadata: GrpcMetadata } | undefined;
}

function channelOf(lab: CallLab, credentialsRule: CredentialsRule = "refuse"): GrpcJsChannel {
  const { clock, channel, budget } = lab;
  const environment = { clock, channel, budget, random: () => 0 };
  return new GrpcJsChannel({
    environment,
    environmentOf: () => environment,
    contracts: [],
    credentialsRule,
    configured: () => undefined,
    observe: () => [
      {
        attemptStarted: () => void lab.started++,
        attemptEnded: (record) => void lab.attempts.push(record),
        callEnded: (record) => void lab.calls.push(record),
      },
    ],
  });
}

function create(channel: GrpcJsChannel, deadline: number | Date = Infinity): GrpcJsCall {
  return channel.createCall(PATH, deadline, null, null, null);
}

/** Starts a call, and hears what comes back. */
function start(call: GrpcJsCall, metadata = new GrpcMetadata()): Heard {
  const heard: Heard = { messages: [], headers: undefined, status: undefined };
  call.start(metadata, {
    onReceiveMetadata: (headers) => void (heard.headers = headers),
    onReceiveMessage: (message: Buffer) => void heard.messages.push(message.toString()),
    onReceiveStatus: (status) => void (heard.status = status),
  });
  return heard;
}

function served(peer: Peer | undefined, at = 0): ServedByTest {
  const call = peer?.calls[at];
  assert.ok(call !== undefined, "the call has not arrived");
  return call;
}

describe("a call of a grpc-js client", () => {
  it("sends messages in order and its end behind them, also before it has an endpoint", async () => {
    const lab = new CallLab();
    const call = create(channelOf(lab));
    const heard = start(call);
    const taken: string[] = [];
    for (const text of ["one", "two"]) {
      call.sendMessageWithContext({ callback: () => taken.push(text) }, Buffer.from(text));
    }
    call.halfClose();
    call.startRead();
    await lab.settle();
    assert.deepEqual(taken, []);
    assert.equal(call.getPeer(), "manual:///lab");
    const peer = await lab.serve("a");
    lab.directory.publish(live("a"));
    await lab.settle();
    assert.deepEqual(taken, ["one", "two"]);
    assert.equal(call.getPeer(), "a:1");
    assert.deepEqual(served(peer).received, ["one", "two"]);
    assert.equal(served(peer).halfClosed, true);
    served(peer).answer("three", { why: "because" });
    await lab.settle();
    assert.deepEqual(heard.messages, ["three"]);
    assert.equal(heard.status?.code, 0);
    assert.deepEqual(heard.status.metadata.get("why"), ["because"]);
    lab.assertQuiet();
  });

  it("is given one message for each read, however often it asks for the same", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const call = create(channelOf(lab));
    const heard = start(call);
    await lab.settle();
    for (const text of ["one", "two", "three"]) served(peers[0]).send(text);
    await lab.settle();
    assert.deepEqual(heard.messages, []);
    call.startRead();
    call.startRead();
    await lab.settle();
    assert.deepEqual(heard.messages, ["one"]);
    call.startRead();
    await lab.settle();
    assert.deepEqual(heard.messages, ["one", "two"]);
    call.cancelWithStatus(CANCELLED, "enough");
    await lab.settle();
    assert.deepEqual([heard.status?.code, heard.status?.details], [CANCELLED, "enough"]);
    lab.assertQuiet();
  });

  it("holds its sender back while the server takes nothing, and lets it go with the call", async () => {
    const lab = new CallLab();
    const peer = await lab.serve("a", "none");
    lab.directory.publish(live("a"));
    await lab.settle();
    const call = create(channelOf(lab));
    start(call);
    let taken = 0;
    const send = (): void => {
      if (taken < 100) call.sendMessageWithContext({ callback: () => (taken++, send()) }, Buffer.from("more"));
    };
    send();
    await lab.settle();
    const before = taken;
    assert.ok(before < 50, `${before} messages were taken`);
    for (let read = 0; read <= before; read++) served(peer).stream?.request();
    await lab.settle();
    assert.ok(taken > before);
    call.cancelWithStatus(CANCELLED, "enough");
    await lab.settle();
    assert.equal(taken, 100);
    lab.assertQuiet();
  });

  it("is sent to another endpoint when it provably reached nobody, with all it has sent and asked for", async () => {
    const { lab, peers } = await CallLab.with(["a", "b"]);
    lab.transport.refuseCalls(peers[0]!.address, 1);
    const call = create(channelOf(lab));
    const heard = start(call);
    let taken = 0;
    call.sendMessageWithContext({ callback: () => taken++ }, Buffer.from("one"));
    call.startRead();
    call.halfClose();
    await lab.settle();
    assert.deepEqual([peers[0]?.calls.length, taken], [0, 1]);
    const server = served(peers[1]);
    assert.deepEqual([server.received, server.halfClosed], [["one"], true]);
    server.answer("two");
    await lab.settle();
    assert.deepEqual(heard.messages, ["two"]);
    assert.equal(lab.calls[0]?.transparentRetries, 1);
    lab.assertQuiet();
  });

  it("is not sent again once it has sent more than can be kept", async () => {
    const { lab, peers } = await CallLab.with(["a", "b"]);
    lab.transport.refuseCalls(peers[0]!.address, 1);
    const call = create(channelOf(lab));
    const heard = start(call);
    for (let sent = 0; sent < 3; sent++) call.sendMessageWithContext({}, Buffer.alloc(100 * 1024));
    await lab.settle();
    assert.equal(heard.status?.code, 14);
    assert.deepEqual([peers[1]?.calls.length, lab.attempts.length], [0, 1]);
  });

  it("is not sent again by itself when a server has failed it, and passes on the server's own words", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const heard = start(create(channelOf(lab)));
    await lab.settle();
    served(peers[0]).fail("UNAVAILABLE", "busy", { "retry-at": "noon" });
    await lab.settle();
    assert.deepEqual([heard.status?.code, heard.status?.details], [14, "busy"]);
    assert.deepEqual(heard.status?.metadata.get("retry-at"), ["noon"]);
    assert.equal(lab.attempts.length, 1);
    lab.assertQuiet();
  });

  it("has its deadline on the mesh's clock, and none that has passed", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const channel = channelOf(lab);
    const heard = start(create(channel, new Date(lab.clock.wallTime() + 100)));
    await lab.settle();
    assert.equal(served(peers[0]).incoming.deadline - lab.clock.now(), 100);
    await lab.clock.advanceAsync(100);
    assert.equal(heard.status?.code, 4);
    const late = start(create(channel, lab.clock.wallTime() - 1));
    await lab.settle();
    assert.deepEqual([late.status?.code, peers[0]?.calls.length], [4, 1]);
    lab.assertQuiet();
  });

  it("that was cancelled before its start ends with that, and is recorded", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const call = create(channelOf(lab));
    call.cancelWithStatus(13, "request cannot be written");
    const heard = start(call);
    let taken = false;
    call.sendMessageWithContext({ callback: () => (taken = true) }, Buffer.from("one"));
    await lab.settle();
    assert.deepEqual([heard.status?.code, heard.status?.details], [13, "request cannot be written"]);
    assert.deepEqual([taken, peers[0]?.calls.length, lab.calls[0]?.code], [true, 0, "INTERNAL"]);
    lab.assertQuiet();
  });

  it("leaves out of its metadata what gRPC writes itself, since programs pass on what they were sent", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const metadata = new GrpcMetadata();
    for (const key of ["te", "grpc-timeout", "host", "x-tenant"]) metadata.set(key, "some");
    start(create(channelOf(lab)), metadata);
    await lab.settle();
    const { incoming } = served(peers[0]);
    assert.deepEqual([...incoming.metadata].map(([key]) => key).sort(), ["traceparent", "x-tenant"]);
  });

  it("waits for its credentials no longer than its deadline", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const call = create(channelOf(lab, "send"), lab.clock.wallTime() + 100);
    call.setCredentials(credentials.createFromMetadataGenerator(() => {}));
    const heard = start(call);
    await lab.clock.advanceAsync(99);
    assert.equal(Reflect.get(heard, "status"), undefined);
    await lab.clock.advanceAsync(1);
    assert.deepEqual([heard.status?.code, peers[0]?.calls.length], [4, 0]);
    lab.assertQuiet();
  });

  it("leaves what its listener throws to the process, and goes on", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const call = create(channelOf(lab));
    const codes: number[] = [];
    call.start(new GrpcMetadata(), {
      onReceiveMetadata: () => {},
      onReceiveMessage: () => {
        throw new Error("a bug of the client's");
      },
      onReceiveStatus: ({ code }) => void codes.push(code),
    });
    call.startRead();
    await lab.settle();
    // The runner's own listeners would take it for a failure of the test.
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    const thrown = new Promise<Error>((resolve) => process.once("uncaughtException", resolve));
    served(peers[0]).answer("one");
    await lab.settle();
    const { message } = await thrown;
    for (const listener of listeners) process.on("uncaughtException", listener);
    assert.equal(message, "a bug of the client's");
    assert.deepEqual(codes, [0]);
    lab.assertQuiet();
  });
});

describe("a channel for grpc-js clients", () => {
  it("tells its state, and when it changes", async () => {
    const lab = new CallLab();
    const channel = channelOf(lab);
    assert.equal(channel.getTarget(), "manual:///lab");
    assert.equal(channel.getConnectivityState(true), connectivityState.CONNECTING);
    const changes: (Error | undefined)[] = [];
    channel.watchConnectivityState(connectivityState.CONNECTING, Infinity, (error) => changes.push(error));
    await lab.serve("a");
    lab.directory.publish(live("a"));
    await lab.settle();
    assert.deepEqual([...changes], [undefined]);
    assert.equal(channel.getConnectivityState(false), connectivityState.READY);
    channel.watchConnectivityState(connectivityState.READY, lab.clock.wallTime() + 50, (error) => changes.push(error));
    await lab.clock.advanceAsync(50);
    assert.match(String(changes[1]), /did not change its state before the deadline/);
    lab.directory.publish({ endpoints: [], freshness: "live" });
    assert.equal(channel.getConnectivityState(false), connectivityState.TRANSIENT_FAILURE);
    channel.watchConnectivityState(connectivityState.READY, Infinity, (error) => changes.push(error));
    await lab.settle();
    assert.equal(changes[2], undefined);
    assert.equal(lab.clock.pending, 0);
  });

  it("makes no calls once it is closed, while those under way and the mesh's others go on", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const channel = channelOf(lab);
    const call = create(channel);
    const heard = start(call);
    call.startRead();
    await lab.settle();
    channel.close();
    assert.throws(() => create(channel), { code: "FAILED_PRECONDITION" });
    assert.throws(() => channel.watchConnectivityState(2, Infinity, () => {}), { code: "FAILED_PRECONDITION" });
    assert.equal(channel.getConnectivityState(false), connectivityState.SHUTDOWN);
    served(peers[0]).answer("one");
    await lab.settle();
    assert.equal(heard.status?.code, 0);
    assert.equal(lab.channel.state, "ready");
  });
});
