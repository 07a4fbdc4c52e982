/** Streaming calls at their client: what is pulled, kept, sent again and closed. */
import assert from "node:assert/strict";
import type { BoundMethod } from "../../../sdk/src/client/bound-method.ts";
import type { CallOptions } from "../../../sdk/src/client/call-options.ts";
import { type Requests, singleResponse, StreamCall } from "../../../sdk/src/client/stream-call.ts";
import type { RetryPolicy } from "../../../sdk/src/contract/policy.ts";
import { CallLab, type Peer, type ServedByTest } from "../../support/call-lab.ts";
import { collect, failure } from "../../support/mesh-error.ts";

const RETRY: RetryPolicy = {
  maxAttempts: 3,
  initialBackoffMs: 100,
  maxBackoffMs: 100,
  backoffMultiplier: 1,
  retryableStatusCodes: ["UNAVAILABLE"],
};

/** Starts a call and lets it arrive. */
async function open(lab: CallLab, method: BoundMethod, requests: Requests, options?: CallOptions): Promise<StreamCall> {
  const call = new StreamCall(method, requests, options).start();
  await lab.settle();
  return call;
}

function served(peer: Peer | undefined, at = 0): ServedByTest {
  const call = peer?.calls[at];
  assert.ok(call !== undefined, "the call has not arrived");
  return call;
}

/** Requests that the test gives one by one, and what became of them. */
class Requester {
  pulled = 0;
  finallyRan = false;
  #give: ((text: string | undefined) => void) | undefined;

  async *requests(): AsyncGenerator<string> {
    try {
      for (;;) {
        this.pulled++;
        const text = await new Promise<string | undefined>((resolve) => (this.#give = resolve));
        if (text === undefined) return;
        yield text;
      }
    } finally {
      this.finallyRan = true;
    }
  }

  give(text: string | undefined): void {
    this.#give?.(text);
  }
}

describe("a streaming call", () => {
  it("sends every request in order, then its end, and gives every response in order", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const call = await open(lab, lab.method("Chat"), ["one", "two", "three"]);
    const server = served(peers[0]);
    assert.deepEqual(server.received, ["one", "two", "three"]);
    assert.equal(server.halfClosed, true);
    for (const text of ["uno", "due"]) server.send(text);
    server.end();
    assert.deepEqual(await collect(call.responses), ["uno", "due"]);
    assert.equal(lab.attempts[0]?.sentBytes, 11);
    assert.equal(lab.attempts[0].receivedBytes, 6);
    lab.assertQuiet();
  });

  it("answers several next() in the order they were asked", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const call = await open(lab, lab.method("List"), ["go"]);
    const reads = [1, 2, 3].map(() => call.responses.next());
    served(peers[0]).send("uno");
    served(peers[0]).send("due");
    served(peers[0]).end();
    assert.deepEqual(await Promise.all(reads), [
      { done: false, value: "uno" },
      { done: false, value: "due" },
      { done: true, value: undefined },
    ]);
    lab.assertQuiet();
  });

  it("gives what came before a failure, then the failure once, then the end", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const call = await open(lab, lab.method("List"), ["go"]);
    served(peers[0]).send("uno");
    served(peers[0]).fail("DATA_LOSS", "disk is gone");
    await lab.settle();
    assert.equal((await call.responses.next()).value, "uno");
    assert.equal((await failure(call.responses.next())).reason, "disk is gone");
    assert.equal((await call.responses.next()).done, true);
    lab.assertQuiet();
  });

  it("holds its server back when the reader is slow", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const call = await open(lab, lab.method("List"), ["go"]);
    let sent = 0;
    while (served(peers[0]).send("more")) sent++;
    await lab.settle();
    const drainedUnread = served(peers[0]).drained;
    for (let read = 0; read <= sent; read++) await call.responses.next();
    await lab.settle();
    assert.equal(drainedUnread, 0);
    assert.equal(served(peers[0]).drained, 1);
    await call.responses.return();
    await lab.settle();
    lab.assertQuiet();
  });

  it("pulls no more requests than the server takes", async () => {
    const lab = new CallLab();
    const peer = await lab.serve("a", "none");
    lab.directory.publish({
      endpoints: [{ id: "a", address: peer.address, weight: 1, metadata: {} }],
      freshness: "live",
    });
    await lab.settle();
    let pulled = 0;
    function* endless() {
      for (;;) yield `request ${pulled++}`;
    }
    const call = await open(lab, lab.method("Gather"), endless());
    assert.ok(pulled < 50, `${pulled} requests were pulled`);
    const before = pulled;
    for (let read = 0; read < before; read++) served(peer).stream?.request();
    await lab.settle();
    assert.ok(pulled > before);
    await call.responses.return();
    await lab.settle();
    lab.assertQuiet();
  });

  it("is cancelled when its reader leaves, and the generator of requests runs its finally", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const requester = new Requester();
    const call = await open(lab, lab.method("Chat"), requester.requests());
    served(peers[0]).send("uno");
    for await (const text of call.responses) if (text === "uno") break;
    requester.give("late");
    await lab.settle();
    assert.equal(served(peers[0]).incoming.cancellation.cancelled, true);
    assert.equal(requester.finallyRan, true);
    assert.equal(lab.calls[0]?.code, "CANCELLED");
    lab.assertQuiet();
  });

  it("ends the wait of a reader when another leaves", async () => {
    const { lab } = await CallLab.with(["a"]);
    const call = await open(lab, lab.method("List"), ["go"]);
    const waiting = call.responses.next();
    await call.responses.return();
    assert.deepEqual(await waiting, { done: true, value: undefined });
    await lab.settle();
    lab.assertQuiet();
  });

  it("ends although its requests never come", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const requester = new Requester();
    const call = await open(lab, lab.method("Chat"), requester.requests());
    served(peers[0]).end();
    assert.deepEqual(await collect(call.responses), []);
    lab.assertQuiet();
  });

  it("is cancelled with the reason when its requests throw, at once or later, from any kind of iterable", async () => {
    const lateAsync = async function* () {
      yield "one";
      throw new Error("no more");
    };
    const lateSync = function* () {
      yield "one";
      throw new Error("no more");
    };
    const atOnce: Requests = {
      [Symbol.iterator]: () => ({
        next() {
          throw new Error("no more");
        },
      }),
    };
    for (const requests of [lateAsync(), lateSync(), atOnce]) {
      const { lab, peers } = await CallLab.with(["a"]);
      const call = await open(lab, lab.method("Chat"), requests);
      const error = await failure(call.responses.next());
      assert.equal(error.code, "CANCELLED");
      assert.match(error.reason, /the stream of requests threw: no more/);
      await lab.settle();
      for (const one of peers[0]!.calls) assert.equal(one.incoming.cancellation.cancelled, true);
      lab.assertQuiet();
    }
  });

  it("is cancelled when a generator of requests cancels it while it runs, and the generator is closed", async () => {
    const { lab } = await CallLab.with(["a"]);
    const controller = new AbortController();
    let closed = false;
    function* requests() {
      try {
        controller.abort();
        yield "one";
        yield "two";
      } finally {
        closed = true;
      }
    }
    const call = await open(lab, lab.method("Chat"), requests(), { signal: controller.signal });
    assert.equal((await failure(call.responses.next())).code, "CANCELLED");
    await lab.settle();
    assert.equal(closed, true);
    lab.assertQuiet();
  });

  it("refuses a request that does not fit its type and closes the generator", async () => {
    const { lab } = await CallLab.with(["a"]);
    let closed = false;
    async function* requests() {
      try {
        yield "!";
      } finally {
        closed = true;
      }
    }
    const call = await open(lab, lab.method("Chat"), requests());
    const error = await failure(call.responses.next());
    assert.equal(error.code, "INVALID_ARGUMENT");
    assert.match(error.reason, /request of lab.v1.LabService\/Chat does not fit/);
    await lab.settle();
    assert.equal(closed, true);
    lab.assertQuiet();
  });

  it("is INTERNAL when a response cannot be decoded, and the server is told to stop", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const call = await open(lab, lab.method("List"), ["go"]);
    served(peers[0]).send("uno");
    served(peers[0]).send("!");
    await lab.settle();
    assert.equal((await call.responses.next()).value, "uno");
    assert.equal((await failure(call.responses.next())).code, "INTERNAL");
    assert.equal(served(peers[0]).incoming.cancellation.cancelled, true);
    lab.assertQuiet();
  });

  it("opens no iterator of requests when its options are wrong", async () => {
    const { lab } = await CallLab.with(["a"]);
    let opened = 0;
    const requests: Requests = {
      [Symbol.asyncIterator]() {
        opened++;
        return new Requester().requests();
      },
    };
    assert.throws(() => new StreamCall(lab.method("Chat"), requests, { timeoutMs: -1 }), { code: "INVALID_ARGUMENT" });
    assert.equal(opened, 0);
    assert.throws(
      () => new StreamCall(lab.method("Chat"), 7 as never, undefined),
      /requests of a streaming call are number/,
    );
  });

  it("tells the balancer how soon it was answered, not how long it went on", async () => {
    const { lab, peers } = await CallLab.with(["a", "b"]);
    const call = await open(lab, lab.method("List"), ["go"]);
    await lab.clock.advanceAsync(20);
    served(peers[0]).send("uno");
    await lab.clock.advanceAsync(600_000);
    served(peers[0]).end();
    await collect(call.responses);
    const [a, b] = lab.channel.endpoints;
    const costMs = a!.costMs(lab.clock.now(), b!);
    assert.ok(costMs <= 20, `one call is taken to cost ${costMs} ms`);
    assert.equal(lab.attempts[0]?.durationMs, 600_020);
  });
});

describe("a streaming call's retry", () => {
  it("sends again what was sent, before any answer", async () => {
    const { lab, peers } = await CallLab.with(["a", "b"]);
    const requester = new Requester();
    const call = await open(lab, lab.method("Chat", { retry: RETRY }), requester.requests());
    for (const text of ["one", "two"]) {
      requester.give(text);
      await lab.settle();
    }
    served(peers[0]).fail("UNAVAILABLE");
    await lab.clock.advanceAsync(120);
    requester.give("three");
    await lab.settle();
    assert.deepEqual(served(peers[1]).received, ["one", "two", "three"]);
    requester.give(undefined);
    await lab.settle();
    assert.equal(served(peers[1]).halfClosed, true);
    served(peers[1]).end();
    assert.deepEqual(await collect(call.responses), []);
    lab.assertQuiet();
  });

  it("pulls nothing between attempts, so that nothing is lost however much there is", async () => {
    const { lab, peers } = await CallLab.with(["a", "b"]);
    const kib = "x".repeat(1024);
    const requester = new Requester();
    const call = await open(lab, lab.method("Gather", { retry: RETRY }), requester.requests());
    requester.give("first");
    await lab.settle();
    served(peers[0]).fail("UNAVAILABLE");
    await lab.settle();
    for (let count = 0; count < 400; count++) {
      requester.give(kib);
      await lab.settle();
    }
    assert.ok(requester.pulled <= 3, `${requester.pulled} requests were pulled while nobody took any`);
    await lab.clock.advanceAsync(120);
    const { received } = served(peers[1]);
    assert.deepEqual(received, ["first", kib]);
    await call.responses.return();
    requester.give(undefined);
    await lab.settle();
    lab.assertQuiet();
  });

  it("is not made after an answer has begun, nor beyond 256 KiB of requests", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const answered = await open(lab, lab.method("List", { retry: RETRY }), ["go"]);
    served(peers[0]).send("uno");
    served(peers[0]).fail("UNAVAILABLE", "broke off");
    await lab.settle();
    assert.equal((await answered.responses.next()).value, "uno");
    assert.equal((await failure(answered.responses.next())).attempts, 1);
    const big = Array.from({ length: 5 }, () => "x".repeat(64 * 1024));
    const frozen = await open(lab, lab.method("Gather", { retry: RETRY }), big);
    served(peers[0], 1).fail("UNAVAILABLE", "too late");
    await lab.settle();
    assert.equal((await failure(frozen.responses.next())).attempts, 1);
    lab.assertQuiet();
  });

  it("leaves the requests alone when it is over before the next attempt", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const requester = new Requester();
    const controller = new AbortController();
    const call = await open(lab, lab.method("Chat", { retry: RETRY }), requester.requests(), {
      signal: controller.signal,
    });
    requester.give("one");
    await lab.settle();
    served(peers[0]).fail("UNAVAILABLE");
    await lab.settle();
    requester.give("two");
    await lab.settle();
    controller.abort();
    assert.equal((await failure(call.responses.next())).code, "CANCELLED");
    await lab.settle();
    assert.equal(requester.finallyRan, true);
    lab.assertQuiet();
  });
});

describe("the one response of a call whose requests stream", () => {
  it("is what the server sent", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const call = await open(lab, lab.method("Gather"), ["one"]);
    const response = singleResponse(call);
    served(peers[0]).answer("sum");
    assert.equal(await response, "sum");
    lab.assertQuiet();
  });

  it("is INTERNAL when there is none or more than one", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const none = failure(singleResponse(await open(lab, lab.method("Gather"), ["one"])));
    served(peers[0]).end();
    assert.match((await none).message, /without its response/);
    const two = failure(singleResponse(await open(lab, lab.method("Gather"), ["one"])));
    served(peers[0], 1).send("sum");
    served(peers[0], 1).send("another");
    assert.match((await two).message, /more than one response/);
    await lab.settle();
    lab.assertQuiet();
  });

  it("is not given when the call fails after it", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const response = failure(singleResponse(await open(lab, lab.method("Gather"), ["one"])));
    served(peers[0]).send("sum");
    served(peers[0]).fail("ABORTED", "rolled back");
    assert.equal((await response).code, "ABORTED");
    lab.assertQuiet();
  });
});
