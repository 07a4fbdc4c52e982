import assert from "node:assert/strict";
import { Cancellation } from "../../../sdk/src/call/cancellation.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";

const reason = new MeshError("CANCELLED", "caller is gone");

describe("a cancellation", () => {
  it("tells every listener once, the first reason, and those who come later at once", () => {
    const cancellation = new Cancellation();
    const heard: string[] = [];
    cancellation.onCancel((by) => heard.push(`first ${by.reason}`));
    cancellation.onCancel((by) => heard.push(`second ${by.reason}`));
    assert.equal(cancellation.cancelled, false);
    cancellation.cancel(reason);
    cancellation.cancel(new MeshError("CANCELLED", "again"));
    cancellation.onCancel((by) => heard.push(`late ${by.reason}`))();
    assert.deepEqual(heard, ["first caller is gone", "second caller is gone", "late caller is gone"]);
    assert.equal(cancellation.reason, reason);
  });

  it("tells every listener though one of them throws, which surfaces by itself", async () => {
    const cancellation = new Cancellation();
    const bug = new Error("bug of a listener");
    const before = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    const surfaced = new Promise((resolve) => process.once("uncaughtException", resolve));
    let heard = 0;
    cancellation.onCancel(() => {
      throw bug;
    });
    cancellation.onCancel(() => heard++);
    cancellation.signal.addEventListener("abort", () => heard++);
    cancellation.cancel(reason);
    assert.equal(heard, 2);
    try {
      assert.equal(await surfaced, bug);
    } finally {
      for (const listener of before) process.on("uncaughtException", listener);
    }
  });

  it("does not tell who has unsubscribed", () => {
    const cancellation = new Cancellation();
    const stop = cancellation.onCancel(() => assert.fail("was told"));
    stop();
    stop();
    cancellation.cancel(reason);
  });

  it("is an AbortSignal with the same reason, whether asked for before or after", () => {
    const before = new Cancellation();
    const { signal } = before;
    let aborted = 0;
    signal.addEventListener("abort", () => aborted++);
    before.cancel(reason);
    assert.equal(before.signal, signal);
    assert.deepEqual([signal.aborted, signal.reason, aborted], [true, reason, 1]);
    const after = new Cancellation();
    after.cancel(reason);
    assert.deepEqual([after.signal.aborted, after.signal.reason], [true, reason]);
  });

  it("may be cancelled again by a listener, and lets listeners come while it tells", () => {
    const cancellation = new Cancellation();
    let late = 0;
    cancellation.onCancel(() => {
      cancellation.cancel(reason);
      cancellation.onCancel(() => late++);
    });
    cancellation.cancel(reason);
    assert.equal(late, 1);
  });
});
