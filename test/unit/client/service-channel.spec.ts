/** A client's way to a service: views of the directory, states of connections, and what can be picked. */
import assert from "node:assert/strict";
import { Balancer } from "../../../sdk/src/balancing/balancer.ts";
import { roundRobin } from "../../../sdk/src/balancing/round-robin.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { ServiceChannel } from "../../../sdk/src/client/service-channel.ts";
import { StreamCall } from "../../../sdk/src/client/stream-call.ts";
import { callUnary } from "../../../sdk/src/client/unary-call.ts";
import { DEFAULT_LIMITS, type ConnectionState } from "../../../sdk/src/transport/transport.ts";
import { CallLab, endpoint, live } from "../../support/call-lab.ts";
import { failure } from "../../support/mesh-error.ts";

const NO_CONTEXT = { hash: undefined };

/** Hosts that a channel picks, over so many picks. */
function picked({ channel }: CallLab, times = 12): string {
  const hosts = Array.from({ length: times }, () => channel.pick(NO_CONTEXT, [])?.endpoint.address.host ?? "none");
  return [...new Set(hosts)].sort().join();
}

describe("a service channel", () => {
  it("picks among the endpoints that are ready", async () => {
    const { lab } = await CallLab.with(["a", "b"]);
    assert.equal(picked(lab), "a,b");
    lab.directory.publish(live("a", "b", "c"));
    await lab.settle();
    assert.equal(lab.channel.size, 3);
    assert.equal(picked(lab), "a,b");
    await lab.serve("c");
    await lab.settle();
    assert.equal(picked(lab), "a,b,c");
  });

  it("tells callers at once of a directory that fails before it ever answered", async () => {
    const lab = new CallLab();
    const waiting = failure(callUnary(lab.method("Ask"), "who?"));
    const cause = new MeshError("UNAVAILABLE", "consul at x is down");
    lab.directory.publish({ endpoints: [], freshness: "stale", error: cause });
    const error = await waiting;
    assert.equal(error.code, "UNAVAILABLE");
    assert.match(error.reason, /no instance of manual:\/\/\/lab is known: consul at x is down/);
    assert.equal(error.cause, cause);
    lab.assertQuiet();
  });

  it("tells callers that nobody is registered", async () => {
    const lab = new CallLab();
    lab.directory.publish(live());
    const error = await failure(callUnary(lab.method("Ask"), "who?"));
    assert.match(error.reason, /no healthy instance of manual:\/\/\/lab is registered/);
    lab.assertQuiet();
  });

  it("keeps its endpoints when the directory fails later", async () => {
    const { lab } = await CallLab.with(["a"]);
    const [before] = lab.channel.endpoints;
    lab.directory.publish({ ...live("a"), freshness: "stale", error: new Error("down") });
    await lab.settle();
    assert.equal(lab.channel.endpoints[0], before);
    assert.equal(picked(lab), "a");
  });

  it("closes what is no longer listed, and connects anew where an address has changed", async () => {
    const { lab } = await CallLab.with(["a", "b"]);
    const [a, b] = lab.channel.endpoints;
    const connections = [lab.channel.connectionOf(a!), lab.channel.connectionOf(b!)];
    await lab.serve("moved");
    lab.directory.publish({
      endpoints: [endpoint("a", { address: { host: "moved", port: 1 } })],
      freshness: "live",
    });
    await lab.settle();
    assert.deepEqual(
      connections.map((one) => one?.state),
      ["closed", "closed"],
    );
    assert.equal(lab.channel.connectionOf(a!), undefined);
    assert.equal(picked(lab), "moved");
    assert.equal(lab.channel.size, 1);
  });

  it("keeps connection and history when only an endpoint's weight or metadata change", async () => {
    const { lab } = await CallLab.with(["a"]);
    const [before] = lab.channel.endpoints;
    const connection = lab.channel.connectionOf(before!);
    lab.directory.publish({ endpoints: [endpoint("a", { weight: 7 })], freshness: "live" });
    assert.equal(lab.channel.endpoints[0], before);
    assert.equal(before?.endpoint.weight, 7);
    assert.equal(lab.channel.connectionOf(before), connection);
  });

  it("lets a call wait for an endpoint that connects, and sends it once", async () => {
    const lab = new CallLab();
    const peer = await lab.serve("a");
    lab.transport.stall(peer.address);
    lab.directory.publish(live("a"));
    const call = callUnary(lab.method("Ask"), "who?");
    for (const hosts of [["a"], ["a", "b"], ["a"]]) {
      lab.directory.publish(live(...hosts));
      await lab.settle();
    }
    lab.transport.accept(peer.address);
    await lab.settle();
    assert.equal(peer.calls.length, 1);
    peer.calls[0]!.answer("Ada");
    assert.equal(await call, "Ada");
    lab.assertQuiet();
  });

  it("gives an endpoint that is down when all are: its connection knows why", async () => {
    const { lab } = await CallLab.with([]);
    lab.directory.publish(live("a", "b"));
    await lab.settle();
    const first = lab.channel.pick(NO_CONTEXT, [])!;
    const second = lab.channel.pick(NO_CONTEXT, [first]);
    assert.notEqual(second, first);
    const error = await failure(callUnary(lab.method("Ask"), "who?"));
    assert.equal(error.code, "UNAVAILABLE");
    assert.match(error.reason, /no connection to [ab]:1: it is failed/);
    lab.assertQuiet();
  });

  it("holds nothing of a lost connection against what answers after it", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const [before] = lab.channel.endpoints;
    lab.transport.drop(peers[0]!.address);
    await lab.settle();
    const [after] = lab.channel.endpoints;
    assert.notEqual(after, before);
    assert.equal(after?.endpoint, before?.endpoint);
    assert.equal(lab.channel.connectionOf(before!), undefined);
    assert.ok(lab.channel.connectionOf(after!));
    assert.equal(lab.channel.size, 1);
  });

  it("ends calls that wait when it closes, lets calls under way finish, and refuses new ones", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const under = callUnary(lab.method("Ask"), "who?");
    await lab.settle();
    lab.channel.close();
    lab.channel.close();
    peers[0]!.calls[0]!.answer("Ada");
    assert.equal(await under, "Ada");
    const late = await failure(callUnary(lab.method("Ask"), "who?"));
    assert.equal(late.code, "FAILED_PRECONDITION");
    assert.equal(lab.directory.watched, 0);
    lab.directory.publish(live("a"));
    assert.equal(lab.channel.size, 0);
    const waiting = new CallLab();
    const call = failure(callUnary(waiting.method("Ask"), "who?"));
    waiting.channel.close();
    assert.match((await call).reason, /client of manual:\/\/\/lab is closed/);
    waiting.assertQuiet();
  });

  it("tells its observer of every view and every change of a connection", async () => {
    const lab = new CallLab();
    await lab.serve("a");
    const changes: string[] = [];
    const { clock, directory, transport } = lab;
    const channel = new ServiceChannel({
      target: "manual:///lab",
      name: "lab",
      directory,
      transport,
      balancer: new Balancer({ policy: roundRobin, clock, random: () => 0 }),
      clock,
      limits: DEFAULT_LIMITS,
      observer: {
        viewChanged: ({ endpoints }) => void changes.push(`view of ${endpoints.length}`),
        connectionChanged: (from: ConnectionState, to: ConnectionState) => void changes.push(`${from} > ${to}`),
        closed: () => void changes.push("closed"),
      },
    });
    directory.publish(live("a"));
    await lab.settle();
    channel.close();
    assert.deepEqual(
      changes.sort(),
      ["closed", "connecting > ready", "idle > connecting", "ready > closed", "view of 1"].sort(),
    );
  });

  describe("that connects lazily", () => {
    it("connects with the first call, which waits for it", async () => {
      const { lab, peers } = await CallLab.with(["a", "b"], { connections: { connect: "lazy" } });
      assert.equal(lab.channel.state, "idle");
      assert.deepEqual(states(lab), ["idle", "idle"]);
      const asked = callUnary(lab.method("Ask"), "who?");
      await lab.settle();
      assert.deepEqual(states(lab), ["ready", "ready"]);
      peers.flatMap(({ calls }) => calls)[0]!.answer("me");
      assert.equal(await asked, "me");
      assert.equal(lab.channel.state, "ready");
      lab.assertQuiet();
    });

    it("connects to what becomes known once it is awake", async () => {
      const { lab } = await CallLab.with(["a"], { connections: { connect: "lazy" } });
      lab.channel.wake();
      await lab.serve("b");
      lab.directory.publish(live("a", "b"));
      await lab.settle();
      assert.deepEqual(states(lab), ["ready", "ready"]);
    });
  });

  describe("that closes idle connections", () => {
    const connections = { idleMs: 1_000 };

    it("does so after that time without a call, and connects again for the next", async () => {
      const { lab, peers } = await CallLab.with(["a"], { connections });
      const [state] = lab.channel.endpoints;
      const before = lab.channel.connectionOf(state!);
      await lab.clock.advanceAsync(999);
      assert.deepEqual(states(lab), ["ready"]);
      await lab.clock.advanceAsync(1);
      assert.deepEqual(states(lab), ["idle"]);
      assert.equal(before?.state, "closed");
      assert.equal(lab.channel.state, "idle");
      const asked = callUnary(lab.method("Ask"), "who?");
      await lab.settle();
      peers[0]!.calls[0]!.answer("me");
      assert.equal(await asked, "me");
      assert.equal(lab.channel.endpoints[0], state);
      await lab.clock.advanceAsync(1_000);
      assert.deepEqual(states(lab), ["idle"]);
      lab.assertQuiet();
    });

    it("does not while a call or a stream is under way", async () => {
      const { lab, peers } = await CallLab.with(["a"], { connections });
      const asked = callUnary(lab.method("Ask", { deadlineMs: 60_000 }), "who?");
      await lab.clock.advanceAsync(5_000);
      assert.deepEqual(states(lab), ["ready"]);
      peers[0]!.calls[0]!.answer("me");
      await asked;
      const stream = new StreamCall(lab.method("List"), ["what?"], undefined).start();
      await lab.clock.advanceAsync(5_000);
      assert.deepEqual(states(lab), ["ready"]);
      peers[0]!.calls[1]!.end();
      for await (const one of stream.responses) assert.fail(String(one));
      await lab.clock.advanceAsync(2_000);
      assert.deepEqual(states(lab), ["idle"]);
      lab.assertQuiet();
    });
  });

  it("connects to no more endpoints at a time than it may, and to all in the end", async () => {
    const hosts = ["a", "b", "c", "d", "e"];
    const { lab } = await CallLab.with([], { connections: { maxConnecting: 2 } });
    for (const host of hosts.slice(1)) await lab.serve(host);
    lab.directory.publish(live(...hosts));
    assert.deepEqual(states(lab), ["connecting", "connecting", "idle", "idle", "idle"]);
    await lab.settle();
    // One that cannot be reached holds nobody up.
    assert.deepEqual(states(lab), ["failed", "ready", "ready", "ready", "ready"]);
  });

  it("refuses options of connections that are out of range", () => {
    assert.throws(
      () => new CallLab({ connections: { maxConnecting: 0, idleMs: 1 } }),
      /options of connections are wrong: maxConnecting is 0: give 1 to 100000; idleMs is 1: give 100 to Infinity/,
    );
  });
});

/** Of the connections, in the order in which endpoints are listed. */
function states({ channel }: CallLab): ConnectionState[] {
  return channel.endpoints
    .toSorted((a, b) => (a.endpoint.id < b.endpoint.id ? -1 : 1))
    .map((state) => channel.connectionOf(state)!.state);
}
