/** What a test can do to calls in memory; what all transports do is in transport/conformance.spec.ts. */
import assert from "node:assert/strict";
import { STATUS_NUMBERS } from "../../../sdk/src/call/status.ts";
import { inMemoryTransport } from "../../../sdk/src/testing/in-memory-transport.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { DEFAULT_LIMITS } from "../../../sdk/src/transport/transport.ts";
import {
  Connected,
  NO_METADATA,
  OK,
  type StreamAtServer,
  streamMethod,
  unaryMethod,
} from "../../support/transport-lab.ts";

const ADDRESS = { host: "a", port: 1 };

async function lab() {
  const clock = new VirtualClock();
  const transport = inMemoryTransport({ clock });
  const streams: StreamAtServer[] = [];
  const dispatch = new Map([
    unaryMethod("Echo", (_call, body, respond) => respond(OK, body)),
    unaryMethod("Hold", (call, _body, respond) => {
      call.cancellation.onCancel(({ status, reason }) => respond({ status, reason, trailers: NO_METADATA }, undefined));
    }),
    streamMethod("Chat", (call) => void streams.push(call)),
  ]);
  await transport.listen({ address: ADDRESS, limits: DEFAULT_LIMITS, clock }, dispatch);
  const client = await new Connected(transport, ADDRESS, clock).reached("ready");
  return { clock, transport, client, streams };
}

describe("an in-memory transport", () => {
  it("delays everything each way, keeps the order, and needs no time otherwise", async () => {
    const { clock, transport, client, streams } = await lab();
    assert.equal((await client.unary("Echo")).status, 0);
    transport.delay(ADDRESS, 30);
    const caller = client.stream("Chat");
    caller.send("one");
    transport.delay(ADDRESS, 10);
    caller.send("two");
    await clock.advanceAsync(29);
    assert.equal(streams.length, 0);
    await clock.advanceAsync(1);
    const [server] = streams;
    server!.stream.request();
    server!.stream.request();
    assert.deepEqual([await server!.events.next(), await server!.events.next()], ["one", "two"]);
    server!.stream.finish(OK);
    let ended = false;
    void caller.ended.then(() => (ended = true));
    await clock.advanceAsync(9);
    assert.equal(ended, false);
    await clock.advanceAsync(1);
    assert.equal(ended, true);
    assert.equal(transport.openCalls, 0);
  });

  it("refuses and stalls connections until it accepts them again", async () => {
    const { clock, transport } = await lab();
    transport.refuse(ADDRESS);
    const refused = await new Connected(transport, ADDRESS, clock).reached("failed");
    transport.stall(ADDRESS);
    const stalled = new Connected(transport, ADDRESS, clock);
    await clock.advanceAsync(1_000);
    assert.deepEqual([refused.connection.state, stalled.connection.state], ["connecting", "connecting"]);
    transport.accept(ADDRESS);
    await Promise.all([refused.reached("ready"), stalled.reached("ready")]);
    assert.deepEqual(stalled.states, ["connecting", "ready"]);
    stalled.connection.close();
    transport.refuse(ADDRESS);
    assert.equal(stalled.connection.state, "closed");
  });

  it("drops connections: what is under way may have been seen, and both ends hear of it", async () => {
    const { clock, transport, client, streams } = await lab();
    const caller = client.stream("Chat");
    const unary = client.unary("Hold");
    await clock.advanceAsync(0);
    assert.equal(transport.openCalls, 2);
    transport.drop(ADDRESS);
    for (const ended of [await caller.ended, await unary]) {
      assert.equal(ended.status, STATUS_NUMBERS.UNAVAILABLE);
      assert.equal(ended.processed, true);
    }
    assert.equal(await streams[0]!.events.next(), "cancelled: CANCELLED");
    await client.reached("ready");
    assert.deepEqual(client.states, ["connecting", "ready", "idle", "connecting", "ready"]);
    assert.equal(transport.openCalls, 0);
  });

  it("refuses as many calls as it is told to, unseen", async () => {
    const { transport, client } = await lab();
    transport.refuseCalls(ADDRESS, 2);
    for (let count = 0; count < 2; count++) {
      const ended = await client.unary("Echo");
      assert.deepEqual([ended.status, ended.processed], [STATUS_NUMBERS.UNAVAILABLE, false]);
    }
    assert.equal((await client.unary("Echo")).status, 0);
    assert.equal(transport.openCalls, 0);
  });

  it("does not serve a call that was cancelled on its way", async () => {
    const { clock, transport, client, streams } = await lab();
    transport.delay(ADDRESS, 10);
    const caller = client.stream("Chat");
    caller.stream.cancel(STATUS_NUMBERS.CANCELLED, "no need");
    await clock.advanceAsync(20);
    assert.equal((await caller.ended).reason, "no need");
    assert.equal(streams.length, 0);
    assert.equal(transport.openCalls, 0);
  });
});
