/** The attempt engine through unary calls: what is sent where and when, and what the caller and the observers are told. */
import assert from "node:assert/strict";
import { type AmbientContext, runInContext } from "../../../sdk/src/call/call-context.ts";
import { Cancellation } from "../../../sdk/src/call/cancellation.ts";
import { encodeStatusDetails, errorDetail } from "../../../sdk/src/call/error-details.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { newTrace } from "../../../sdk/src/call/trace-context.ts";
import type { BoundMethod } from "../../../sdk/src/client/bound-method.ts";
import type { CallOptions } from "../../../sdk/src/client/call-options.ts";
import { callUnary } from "../../../sdk/src/client/unary-call.ts";
import type { HedgingPolicy, RetryPolicy } from "../../../sdk/src/contract/policy.ts";
import { ErrorInfo } from "../../../sdk/src/gen/google/rpc/error_details.ts";
import { CallLab, listenersOf, live, type Peer, type ServedByTest } from "../../support/call-lab.ts";
import { failure } from "../../support/mesh-error.ts";

const RETRY: RetryPolicy = {
  maxAttempts: 3,
  initialBackoffMs: 100,
  maxBackoffMs: 1_000,
  backoffMultiplier: 2,
  retryableStatusCodes: ["UNAVAILABLE"],
};

const HEDGING: HedgingPolicy = { maxAttempts: 3, delayMs: 50, nonFatalStatusCodes: ["UNAVAILABLE"] };

/** A call under way, with what became of it. */
class Watched {
  result: unknown;
  error: MeshError | undefined;
  settled = 0;

  constructor(call: Promise<unknown>) {
    call.then(
      (result) => {
        this.result = result;
        this.settled++;
      },
      (error: unknown) => {
        assert.ok(error instanceof MeshError);
        this.error = error;
        this.settled++;
      },
    );
  }
}

/** Starts a call and lets it arrive. */
async function ask(lab: CallLab, method: BoundMethod, options?: CallOptions): Promise<Watched> {
  const call = new Watched(callUnary(method, "who?", options));
  await lab.settle();
  return call;
}

/** The only call that waits at any of the peers. */
function only(...peers: Peer[]): ServedByTest {
  const calls = peers.flatMap((peer) => peer.calls);
  assert.equal(calls.length, 1);
  return calls[0]!;
}

function ambient(changes: Partial<AmbientContext> = {}): AmbientContext {
  return {
    deadline: Infinity,
    cancellation: new Cancellation(),
    trace: newTrace(),
    criticality: "DEFAULT",
    previousAttempts: 0,
    ...changes,
  };
}

describe("a call", () => {
  it("is sent once, and its record and its attempt's say how it went", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const call = await ask(lab, lab.method("Ask"));
    lab.clock.advance(30);
    only(...peers).answer("Ada");
    await lab.settle();
    assert.equal(call.result, "Ada");
    const [record, ...more] = lab.calls;
    assert.deepEqual(more, []);
    assert.deepEqual(
      { ...record, trace: undefined },
      {
        code: "OK",
        reason: "",
        durationMs: 30,
        attempts: 1,
        retries: 0,
        transparentRetries: 0,
        hedges: 0,
        retryDelayMs: 0,
        endpoint: "a:1",
        trace: undefined,
      },
    );
    assert.deepEqual(lab.attempts, [{ code: "OK", endpoint: "a:1", durationMs: 30, sentBytes: 4, receivedBytes: 3 }]);
    lab.assertQuiet();
  });

  it("counts at its endpoint while it is under way", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    await ask(lab, lab.method("Ask"));
    assert.equal(lab.channel.endpoints[0]?.inFlight, 1);
    only(...peers).answer("Ada");
    await lab.settle();
    lab.assertQuiet();
  });

  it("fails with the server's code, reason, details and trailers", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    let seen: string | undefined;
    const call = await ask(lab, lab.method("Ask"), { onTrailers: (trailers) => (seen = trailers.get("x-why")) });
    const details = encodeStatusDetails(5, "no such name", [errorDetail(ErrorInfo, { reason: "NAME" })]);
    only(...peers).fail("NOT_FOUND", "no such name", { "x-why": "test", "grpc-status-details-bin": details });
    await lab.settle();
    assert.equal(call.error?.code, "NOT_FOUND");
    assert.equal(call.error.reason, "no such name");
    assert.equal(call.error.metadata?.get("x-why"), "test");
    assert.equal(call.error.findDetail(ErrorInfo)?.reason, "NAME");
    assert.equal(call.error.endpoint, "a:1");
    assert.equal(seen, "test");
    lab.assertQuiet();
  });

  it("is INTERNAL when the response cannot be decoded, and says why", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const call = await ask(lab, lab.method("Ask"));
    only(...peers).answer("!");
    await lab.settle();
    assert.equal(call.error?.code, "INTERNAL");
    assert.match(call.error.reason, /response of lab.v1.LabService\/Ask cannot be decoded.*different contracts/);
    assert.equal(lab.attempts[0]?.code, "INTERNAL");
    lab.assertQuiet();
  });

  it("fails when its own onHeaders throws, and the server is told", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const cause = new Error("mine");
    const call = await ask(lab, lab.method("Ask"), {
      onHeaders: () => {
        throw cause;
      },
    });
    only(...peers).incoming.sendHeaders(only(...peers).incoming.metadata);
    await lab.settle();
    assert.equal(call.error?.code, "INTERNAL");
    assert.equal(call.error.cause, cause);
    assert.equal(only(...peers).incoming.cancellation.cancelled, true);
    lab.assertQuiet();
  });

  it("refuses a timeout that is none, whatever its type", async () => {
    const { lab } = await CallLab.with(["a"]);
    for (const timeoutMs of [0, -1, Number.NaN, "5", 5n]) {
      const error = await failure(callUnary(lab.method("Ask"), "who?", { timeoutMs } as unknown as CallOptions));
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.match(error.reason, /timeoutMs is/);
    }
    lab.assertQuiet();
  });
});

describe("a call's retries", () => {
  it("go to endpoints not tried before, and carry the number of attempts before", async () => {
    const { lab, peers } = await CallLab.with(["a", "b", "c"], { random: () => 0.5 });
    const call = await ask(lab, lab.method("Ask", { retry: RETRY }));
    const sent: string[] = [];
    for (const backoffMs of [100, 200, 0]) {
      const peer = peers.find(({ calls }) => calls.length > 0)!;
      const served = peer.calls.pop()!;
      sent.push(`${peer.address.host} ${served.previousAttempts ?? "none"}`);
      served.fail("UNAVAILABLE", "not now");
      await lab.clock.advanceAsync(backoffMs);
    }
    assert.deepEqual(
      sent.map((one) => one.slice(2)),
      ["none", "1", "2"],
    );
    assert.equal(new Set(sent.map((one) => one[0])).size, 3);
    assert.equal(call.error?.reason, "not now");
    assert.equal(call.error.attempts, 3);
    assert.equal(lab.calls[0]?.retries, 2);
    assert.equal(lab.calls[0].retryDelayMs, 300);
    lab.assertQuiet();
  });

  it("wait from 0.8 to 1.2 of the backoff", async () => {
    for (const [random, waitMs] of [
      [0, 80],
      [0.999_999, 120],
    ] as const) {
      const { lab, peers } = await CallLab.with(["a"], { random: () => random });
      await ask(lab, lab.method("Ask", { retry: RETRY }));
      only(...peers).fail("UNAVAILABLE");
      await lab.clock.advanceAsync(waitMs - 1);
      assert.equal(peers[0]?.calls.length, 1);
      await lab.clock.advanceAsync(1.1);
      assert.equal(peers[0].calls.length, 2);
      peers[0].calls[1]!.answer("Ada");
      await lab.settle();
      lab.assertQuiet();
    }
  });

  it("wait as long as the server says, and then back off anew", async () => {
    const { lab, peers } = await CallLab.with(["a"], { random: () => 0.5 });
    await ask(lab, lab.method("Ask", { retry: { ...RETRY, maxAttempts: 4 } }));
    const { calls } = peers[0]!;
    calls[0]!.fail("UNAVAILABLE");
    await lab.clock.advanceAsync(100);
    calls[1]!.fail("UNAVAILABLE", "", { "grpc-retry-pushback-ms": "700" });
    await lab.clock.advanceAsync(699);
    assert.equal(calls.length, 2);
    await lab.clock.advanceAsync(1);
    assert.equal(calls.length, 3);
    calls[2]!.fail("UNAVAILABLE");
    await lab.clock.advanceAsync(100);
    assert.equal(calls.length, 4);
    calls[3]!.answer("Ada");
    await lab.settle();
    lab.assertQuiet();
  });

  it("end when the server says so, or the budget is spent", async () => {
    const { lab, peers } = await CallLab.with(["a"], { budget: { minPerSecond: 0, ratio: 0 } });
    const stopped = await ask(lab, lab.method("Ask", { retry: RETRY }));
    peers[0]!.calls[0]!.fail("UNAVAILABLE", "go away", { "grpc-retry-pushback-ms": "-1" });
    await lab.settle();
    assert.equal(stopped.error?.attempts, 1);
    const broke = await ask(lab, lab.method("Ask", { retry: RETRY }));
    peers[0]!.calls[1]!.fail("UNAVAILABLE", "overloaded");
    await lab.settle();
    assert.equal(broke.error?.reason, "overloaded");
    assert.equal(broke.error.attempts, 1);
    lab.assertQuiet();
  });

  it("are not made once the server has begun to answer", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const call = await ask(lab, lab.method("Ask", { retry: RETRY }));
    const served = only(...peers);
    served.incoming.sendHeaders(served.incoming.metadata);
    served.fail("UNAVAILABLE", "broke off");
    await lab.settle();
    assert.equal(call.error?.reason, "broke off");
    assert.equal(call.error.attempts, 1);
    lab.assertQuiet();
  });

  it("are not made for a call that serves a retry", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const method = lab.method("Ask", { retry: RETRY });
    const call = await runInContext(ambient({ previousAttempts: 1 }), () => ask(lab, method));
    only(...peers).fail("UNAVAILABLE");
    await lab.settle();
    assert.equal(call.error?.attempts, 1);
    lab.assertQuiet();
  });

  it("end with the cancellation while they wait for their backoff", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const controller = new AbortController();
    const call = await ask(lab, lab.method("Ask", { retry: RETRY }), { signal: controller.signal });
    only(...peers).fail("UNAVAILABLE");
    await lab.settle();
    assert.equal(lab.clock.pending, 1);
    controller.abort();
    await lab.settle();
    assert.equal(call.error?.code, "CANCELLED");
    lab.assertQuiet();
    await lab.clock.advanceAsync(10_000);
    assert.equal(peers[0]?.calls.length, 1);
  });
});

describe("a call that provably reached nobody", () => {
  it("goes elsewhere at once, without a policy, unpaid, and the next server does not take it for a retry", async () => {
    const { lab, peers } = await CallLab.with(["a", "b"], { budget: { minPerSecond: 0, ratio: 0 } });
    lab.transport.refuseCalls(peers[0]!.address, 1);
    const call = await ask(lab, lab.method("Ask", { idempotency: "IDEMPOTENCY_UNKNOWN" }));
    assert.equal(peers[1]?.calls[0]?.previousAttempts, undefined);
    peers[1]?.calls[0]?.answer("Ada");
    await lab.settle();
    assert.equal(call.result, "Ada");
    assert.equal(lab.calls[0]?.transparentRetries, 1);
    assert.equal(lab.calls[0].retries, 0);
    assert.equal(lab.calls[0].attempts, 2);
    lab.assertQuiet();
  });

  it("is tried at each endpoint and then once more at most", async () => {
    const { lab, peers } = await CallLab.with(["a", "b"]);
    for (const { address } of peers) lab.transport.refuseCalls(address, Infinity);
    const call = await ask(lab, lab.method("Ask"));
    assert.equal(call.error?.code, "UNAVAILABLE");
    assert.equal(call.error.attempts, 3);
    lab.assertQuiet();
  });

  it("goes elsewhere under a hedging policy too, and leaves its hedges to it", async () => {
    const { lab, peers } = await CallLab.with(["a", "b"]);
    lab.transport.refuseCalls(peers[0]!.address, 1);
    const hedging = { ...HEDGING, maxAttempts: 2, nonFatalStatusCodes: [] };
    const call = await ask(lab, lab.method("Ask", { hedging }));
    assert.equal(peers[1]?.calls.length, 1);
    await lab.clock.advanceAsync(50);
    assert.equal(lab.started, 3);
    peers[1].calls[0]!.answer("Ada");
    await lab.settle();
    assert.equal(call.result, "Ada");
    assert.equal(lab.calls[0]?.hedges, 1);
    assert.equal(lab.calls[0].transparentRetries, 1);
    lab.assertQuiet();
  });
});

describe("a call's deadline", () => {
  it("is the least of the contract's, the option's and the caller's", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const cases = [
      [{ deadlineMs: 100 }, 200, Infinity, 100],
      [{ deadlineMs: 300 }, 200, Infinity, 200],
      [{ deadlineMs: 300 }, 200, 150, 150],
      [{}, undefined, Infinity, 15_000],
    ] as const;
    for (const [policy, timeoutMs, ambientMs, expected] of cases) {
      const at = lab.clock.now();
      const context = ambient({ deadline: at + ambientMs });
      const options = timeoutMs === undefined ? {} : { timeoutMs };
      const call = await runInContext(context, () => ask(lab, lab.method("Ask", policy), options));
      const served = peers[0]!.calls.pop()!;
      assert.equal(served.incoming.deadline - at, expected);
      await lab.clock.advanceAsync(expected);
      assert.equal(call.error?.code, "DEADLINE_EXCEEDED");
      assert.equal(call.error.elapsedMs, expected);
      lab.assertQuiet();
    }
  });

  it("ends a call that waits for a directory or an endpoint, and tells which", async () => {
    const lab = new CallLab();
    const unanswered = await ask(lab, lab.method("Ask"), { timeoutMs: 100 });
    await lab.clock.advanceAsync(100);
    assert.equal(unanswered.error?.code, "DEADLINE_EXCEEDED");
    assert.match(unanswered.error.reason, /directory of manual:\/\/\/lab has not answered/);
    lab.transport.stall({ host: "a", port: 1 });
    lab.directory.publish(live("a"));
    const unconnected = await ask(lab, lab.method("Ask"), { timeoutMs: 100 });
    await lab.clock.advanceAsync(100);
    assert.match(unconnected.error?.reason ?? "", /no endpoint of manual:\/\/\/lab is ready: a:1 is connecting/);
    assert.equal(unconnected.error?.attempts, 0);
    assert.equal(unconnected.error.endpoint, undefined);
    lab.assertQuiet();
  });

  it("that has passed already sends nothing", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    lab.clock.advance(10);
    const call = await runInContext(ambient({ deadline: 10 }), () => ask(lab, lab.method("Ask")));
    assert.match(call.error?.reason ?? "", /no time was left/);
    assert.equal(peers[0]?.calls.length, 0);
    assert.equal(lab.calls.length, 1);
    lab.assertQuiet();
  });

  it("is kept by a hedge that a server has asked to come later", async () => {
    const { lab, peers } = await CallLab.with(["a", "b"]);
    const call = await ask(lab, lab.method("Ask", { hedging: HEDGING }), { timeoutMs: 200 });
    only(...peers).fail("UNAVAILABLE", "later", { "grpc-retry-pushback-ms": "60000" });
    await lab.clock.advanceAsync(200);
    assert.equal(call.error?.code, "UNAVAILABLE");
    assert.equal(call.error.reason, "later");
    lab.assertQuiet();
  });
});

describe("a call's cancellation", () => {
  it("by a signal reaches the server, and no listener stays on the signal", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const { signal } = new AbortController();
    for (let count = 0; count < 3; count++) {
      await ask(lab, lab.method("Ask"), { signal });
      assert.equal(listenersOf(signal), 1);
      peers[0]!.calls[count]!.answer("Ada");
      await lab.settle();
      assert.equal(listenersOf(signal), 0);
    }
    const controller = new AbortController();
    const call = await ask(lab, lab.method("Ask"), { signal: controller.signal });
    controller.abort(new Error("no need"));
    await lab.settle();
    assert.equal(call.error?.code, "CANCELLED");
    assert.equal((call.error.cause as Error).message, "no need");
    assert.equal(peers[0]!.calls[3]!.incoming.cancellation.cancelled, true);
    controller.abort();
    assert.equal(call.settled, 1);
    assert.equal(lab.calls.length, 4);
    lab.assertQuiet();
  });

  it("by a signal that has aborted sends nothing", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const call = await ask(lab, lab.method("Ask"), { signal: AbortSignal.abort() });
    assert.equal(call.error?.code, "CANCELLED");
    assert.equal(call.error.attempts, 0);
    assert.equal(peers[0]?.calls.length, 0);
    lab.assertQuiet();
  });

  it("comes with the end of the call being served, before and during, and keeps its kind", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    for (const code of ["CANCELLED", "DEADLINE_EXCEEDED"] as const) {
      const cancellation = new Cancellation();
      const context = ambient({ cancellation });
      const during = await runInContext(context, () => ask(lab, lab.method("Ask")));
      cancellation.cancel(new MeshError(code, "caller is gone"));
      await lab.settle();
      const before = await runInContext(context, () => ask(lab, lab.method("Ask")));
      for (const { error } of [during, before]) {
        assert.equal(error?.code, code);
        assert.match(error.reason, /call being served is over: caller is gone/);
      }
      assert.equal(peers[0]!.calls.pop()!.incoming.cancellation.cancelled, true);
      assert.equal(peers[0]!.calls.length, 0);
      lab.assertQuiet();
    }
  });

  it("is listened for at the call being served only while the call is under way", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    let listening = 0;
    const cancellation = new Cancellation();
    const token = {
      cancelled: false,
      reason: undefined,
      signal: cancellation.signal,
      onCancel: () => {
        listening++;
        return () => void listening--;
      },
    };
    await runInContext(ambient({ cancellation: token }), () => ask(lab, lab.method("Ask")));
    assert.equal(listening, 1);
    only(...peers).answer("Ada");
    await lab.settle();
    assert.equal(listening, 0);
  });

  it("in a header callback ends the attempt that was answered", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const controller = new AbortController();
    const call = await ask(lab, lab.method("Ask"), { signal: controller.signal, onHeaders: () => controller.abort() });
    only(...peers).incoming.sendHeaders(only(...peers).incoming.metadata);
    await lab.settle();
    assert.equal(call.error?.code, "CANCELLED");
    lab.assertQuiet();
  });
});

describe("a hedged call", () => {
  it("sends the next attempt after the delay, takes the first answer and cancels the rest", async () => {
    const { lab, peers } = await CallLab.with(["a", "b", "c", "d"]);
    const call = await ask(lab, lab.method("Ask", { hedging: HEDGING }));
    await lab.clock.advanceAsync(49);
    assert.equal(lab.started, 1);
    await lab.clock.advanceAsync(1);
    assert.equal(lab.started, 2);
    await lab.clock.advanceAsync(50);
    assert.equal(lab.started, 3);
    await lab.clock.advanceAsync(1_000);
    assert.equal(lab.started, 3);
    const served = peers.flatMap(({ calls }) => calls);
    served[1]!.answer("Ada");
    await lab.settle();
    assert.equal(call.result, "Ada");
    assert.deepEqual(
      served.map(({ incoming }) => incoming.cancellation.cancelled),
      [true, false, true],
    );
    assert.equal(lab.calls[0]?.hedges, 2);
    assert.equal(lab.calls[0].retries, 0);
    assert.equal(lab.calls[0].endpoint, "b:1");
    lab.assertQuiet();
  });

  it("does not fail with the cancellation of the attempts that lost while the winner goes on", async () => {
    const { lab, peers } = await CallLab.with(["a", "b"]);
    const headers: string[] = [];
    const call = await ask(lab, lab.method("Ask", { hedging: { ...HEDGING, maxAttempts: 2 } }), {
      onHeaders: (one) => void headers.push(one.get("x-from") ?? ""),
    });
    await lab.clock.advanceAsync(50);
    const [first, second] = peers.map(({ calls }) => calls[0]!);
    second!.incoming.metadata.set("x-from", "second");
    second!.incoming.sendHeaders(second!.incoming.metadata);
    await lab.clock.advanceAsync(10);
    assert.equal(first!.incoming.cancellation.cancelled, true);
    assert.equal(call.settled, 0);
    second!.answer("Ada");
    await lab.settle();
    assert.equal(call.result, "Ada");
    assert.deepEqual(headers, ["second"]);
    assert.deepEqual(
      lab.attempts.map(({ code }) => code),
      ["CANCELLED", "OK"],
    );
    lab.assertQuiet();
  });

  it("hears of one answer only when two come at once", async () => {
    const { lab, peers } = await CallLab.with(["a", "b"]);
    let headers = 0;
    const call = await ask(lab, lab.method("Ask", { hedging: { ...HEDGING, maxAttempts: 2 } }), {
      onHeaders: () => void headers++,
    });
    await lab.clock.advanceAsync(50);
    for (const { address } of peers) lab.transport.delay(address, 5);
    for (const { calls } of peers) calls[0]!.answer(calls[0]!.incoming.peer);
    await lab.clock.advanceAsync(5);
    assert.equal(call.settled, 1);
    assert.equal(call.error, undefined);
    assert.equal(headers, 1);
    await lab.clock.advanceAsync(5);
    lab.assertQuiet();
  });

  it("sends the next at once after a failure that is not fatal, and the last failure decides", async () => {
    const { lab, peers } = await CallLab.with(["a", "b"]);
    const call = await ask(lab, lab.method("Ask", { hedging: { ...HEDGING, maxAttempts: 2 } }));
    peers[0]!.calls[0]!.fail("UNAVAILABLE", "first");
    await lab.settle();
    assert.equal(lab.started, 2);
    peers[1]!.calls[0]!.fail("UNAVAILABLE", "second");
    await lab.settle();
    assert.equal(call.error?.reason, "second");
    assert.equal(lab.calls[0]?.hedges, 0);
    assert.equal(lab.calls[0].retries, 1);
    lab.assertQuiet();
  });

  it("fails with a fatal failure at once, names the endpoint that gave it, and cancels the rest", async () => {
    const { lab, peers } = await CallLab.with(["a", "b"]);
    const call = await ask(lab, lab.method("Ask", { hedging: HEDGING }));
    await lab.clock.advanceAsync(50);
    peers[0]!.calls[0]!.fail("PERMISSION_DENIED", "not yours");
    await lab.settle();
    assert.equal(call.error?.code, "PERMISSION_DENIED");
    assert.equal(call.error.endpoint, "a:1");
    assert.equal(lab.calls[0]?.endpoint, "a:1");
    assert.equal(peers[1]!.calls[0]!.incoming.cancellation.cancelled, true);
    lab.assertQuiet();
  });

  it("stops hedging when a server says so, and comes later when it says when", async () => {
    const { lab, peers } = await CallLab.with(["a", "b", "c"]);
    const stopped = await ask(lab, lab.method("Ask", { hedging: HEDGING }));
    await lab.clock.advanceAsync(50);
    peers[0]!.calls[0]!.fail("UNAVAILABLE", "", { "grpc-retry-pushback-ms": "-1" });
    await lab.clock.advanceAsync(1_000);
    assert.equal(lab.started, 2);
    peers[1]!.calls[0]!.answer("Ada");
    await lab.settle();
    assert.equal(stopped.result, "Ada");
    for (const { calls } of peers) calls.length = 0;
    const later = await ask(lab, lab.method("Ask", { hedging: HEDGING }));
    const first = peers.flatMap(({ calls }) => calls)[0]!;
    first.fail("UNAVAILABLE", "", { "grpc-retry-pushback-ms": "300" });
    await lab.clock.advanceAsync(299);
    assert.equal(lab.started, 3);
    await lab.clock.advanceAsync(1);
    assert.equal(lab.started, 4);
    peers.flatMap(({ calls }) => calls.filter((call) => call !== first))[0]!.answer("Grace");
    await lab.settle();
    assert.equal(later.result, "Grace");
    assert.equal(lab.calls[1]?.retryDelayMs, 300);
    lab.assertQuiet();
  });

  it("sends no hedge that the budget does not pay for", async () => {
    const { lab, peers } = await CallLab.with(["a", "b"], { budget: { minPerSecond: 0, ratio: 0 } });
    const call = await ask(lab, lab.method("Ask", { hedging: HEDGING }));
    await lab.clock.advanceAsync(1_000);
    assert.equal(lab.started, 1);
    only(...peers).fail("UNAVAILABLE", "alone");
    await lab.settle();
    assert.equal(call.error?.reason, "alone");
    lab.assertQuiet();
  });

  it("sends nothing more once it has failed or was cancelled", async () => {
    const { lab } = await CallLab.with(["a", "b"]);
    const controller = new AbortController();
    await ask(lab, lab.method("Ask", { hedging: HEDGING }), { signal: controller.signal });
    controller.abort();
    await lab.clock.advanceAsync(1_000);
    assert.equal(lab.started, 1);
    lab.assertQuiet();
  });
});

describe("a call whose connection goes", () => {
  it("under its hands may have been seen: no retry unless the method is safe to send twice", async () => {
    const { lab, peers } = await CallLab.with(["a", "b"]);
    const call = await ask(lab, lab.method("Ask", { idempotency: "IDEMPOTENCY_UNKNOWN" }));
    lab.transport.drop(peers[0]!.address);
    await lab.settle();
    assert.equal(call.error?.code, "UNAVAILABLE");
    assert.match(call.error.reason, /connection to a:1 was lost/);
    assert.equal(lab.started, 1);
    lab.assertQuiet();
  });

  it("between its pick and its sending goes elsewhere", async () => {
    const { lab, peers } = await CallLab.with(["a", "b"]);
    const [state] = lab.channel.endpoints;
    const connection = lab.channel.connectionOf(state!);
    connection!.unary = () => {
      throw new Error("channel has been shut down");
    };
    const call = await ask(lab, lab.method("Ask"));
    peers[1]!.calls[0]!.answer("Ada");
    await lab.settle();
    assert.equal(call.result, "Ada");
    assert.equal(lab.calls[0]?.transparentRetries, 1);
    lab.assertQuiet();
  });
});
