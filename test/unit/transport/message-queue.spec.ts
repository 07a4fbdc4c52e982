import assert from "node:assert/strict";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { MessageQueue } from "../../../sdk/src/transport/message-queue.ts";
import { failure } from "../../support/mesh-error.ts";

const END = { done: true, value: undefined };
const gone = new MeshError("UNAVAILABLE", "gone");

function queue() {
  const seen = { wanted: 0, abandoned: 0 };
  const messages = new MessageQueue({ wanted: () => void seen.wanted++, abandoned: () => void seen.abandoned++ });
  return { messages, seen };
}

describe("a queue of messages", () => {
  it("asks for one more for each that is taken, whether it waited or its reader did", async () => {
    const { messages, seen } = queue();
    messages.push("a");
    assert.equal(seen.wanted, 0);
    assert.deepEqual(await messages.next(), { done: false, value: "a" });
    assert.equal(seen.wanted, 1);
    const waiting = messages.next();
    assert.equal(seen.wanted, 1);
    messages.push("b");
    assert.equal(seen.wanted, 2);
    assert.deepEqual(await waiting, { done: false, value: "b" });
  });

  it("serves readers in their order and ends them all", async () => {
    const { messages } = queue();
    const reads = [messages.next(), messages.next(), messages.next()];
    messages.push("a");
    messages.end();
    assert.deepEqual(await Promise.all(reads), [{ done: false, value: "a" }, END, END]);
    assert.deepEqual(await messages.next(), END);
  });

  it("gives what came before its end or failure; the failure once", async () => {
    const { messages } = queue();
    messages.push("a");
    messages.fail(gone);
    messages.push("late");
    messages.end();
    messages.fail(new MeshError("INTERNAL", "later"));
    assert.deepEqual(await messages.next(), { done: false, value: "a" });
    assert.equal(await failure(messages.next()), gone);
    assert.deepEqual(await messages.next(), END);
  });

  it("fails the first of those who wait and ends the others", async () => {
    const { messages } = queue();
    const reads = [failure(messages.next()), messages.next()];
    messages.fail(gone);
    assert.deepEqual(await Promise.all(reads), [gone, END]);
  });

  it("that is left early says so once, drops what it holds, and takes no more", async () => {
    const { messages, seen } = queue();
    messages.push("a");
    assert.deepEqual(await messages.return(), END);
    messages.push("b");
    assert.deepEqual(await messages.next(), END);
    await messages.return();
    assert.deepEqual(seen, { wanted: 0, abandoned: 1 });
  });

  it("that is left after its end or failure was not abandoned, and keeps no failure", async () => {
    const ended = queue();
    ended.messages.end();
    await ended.messages.return();
    const failed = queue();
    failed.messages.fail(gone);
    await failed.messages.return();
    assert.deepEqual(await failed.messages.next(), END);
    assert.deepEqual([ended.seen.abandoned, failed.seen.abandoned], [0, 0]);
  });

  it("that is left while somebody waits ends the wait, whatever its owner makes of it", async () => {
    const messages: MessageQueue = new MessageQueue({ wanted: () => {}, abandoned: () => messages.fail(gone) });
    const waiting = messages.next();
    await messages.return();
    assert.deepEqual(await waiting, END);
    assert.deepEqual(await messages.next(), END);
  });
});
