/** Clients as users hold them: methods by name, interceptors around them. */
import assert from "node:assert/strict";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import type { ClientInterceptor } from "../../../sdk/src/client/interceptor.ts";
import { typedClient } from "../../../sdk/src/client/typed-client.ts";
import type { MethodDefinition } from "../../../sdk/src/contract/definition.ts";
import { CallLab, type MethodName, textMethod } from "../../support/call-lab.ts";
import { collect, failure } from "../../support/mesh-error.ts";

type Method = (input: unknown, options?: object) => Promise<unknown> & AsyncIterable<unknown>;

function clientOf(lab: CallLab, names: Record<string, MethodName>, interceptors: readonly ClientInterceptor[] = []) {
  const methods = Object.fromEntries(Object.entries(names).map(([name, method]) => [name, textMethod(method)]));
  const bind = (definition: MethodDefinition) => lab.method(definition.name as MethodName);
  return typedClient(methods, bind, interceptors) as Record<string, Method>;
}

describe("a typed client", () => {
  it("has the contract's methods, whatever they are called, and nothing else", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const client = clientOf(lab, { constructor: "Ask", toString: "Ask", hasOwnProperty: "Ask" } as const);
    assert.deepEqual(Object.keys(client), ["constructor", "toString", "hasOwnProperty"]);
    assert.equal(client["valueOf"], undefined);
    const calls = ["constructor", "toString"].map((name) => client[name]!("who?"));
    await lab.settle();
    for (const one of peers[0]!.calls) one.answer("Ada");
    assert.deepEqual(await Promise.all(calls), ["Ada", "Ada"]);
    assert.throws(() => Object.assign(client, { other: 1 }), TypeError);
  });

  it("makes calls of every kind", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const client = clientOf(lab, { ask: "Ask", list: "List", gather: "Gather", chat: "Chat" });
    const results = [
      client["ask"]!("who?"),
      collect(client["list"]!("all")),
      client["gather"]!(["one", "two"]),
      collect(client["chat"]!(["hi"])),
    ];
    await lab.settle();
    for (const one of peers[0]!.calls) one.answer(one.received.join("+"));
    assert.deepEqual(await Promise.all(results), ["who?", ["all"], "one+two", ["hi"]]);
    lab.assertQuiet();
  });

  it("rejects, and never throws, for what is wrong with a unary call", async () => {
    const { lab } = await CallLab.with(["a"]);
    const client = clientOf(lab, { ask: "Ask", gather: "Gather" });
    assert.equal((await failure(client["ask"]!("!"))).code, "INVALID_ARGUMENT");
    assert.equal((await failure(client["ask"]!("who?", { timeoutMs: -1 }))).code, "INVALID_ARGUMENT");
    assert.equal((await failure(client["gather"]!(7))).code, "INVALID_ARGUMENT");
    lab.assertQuiet();
  });
});

describe("a client's interceptors", () => {
  it("run around the call, the first outermost, and may change it, repeat it or answer it", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const order: string[] = [];
    const outer: ClientInterceptor = (next) => async (call) => {
      order.push(`outer ${call.target} ${call.method.name}`);
      const first = await next(call);
      return `${String(first)} and ${String(await next(call))}`;
    };
    const inner: ClientInterceptor = (next) => async (call) => {
      order.push("inner");
      return order.length > 2 ? "myself" : next({ ...call, input: `${String(call.input)} please` });
    };
    const call = clientOf(lab, { ask: "Ask" }, [outer, inner])["ask"]!("who?");
    await lab.settle();
    assert.deepEqual(peers[0]!.calls[0]!.received, ["who? please"]);
    peers[0]!.calls[0]!.answer("Ada");
    assert.equal(await call, "Ada and myself");
    assert.deepEqual(order, ["outer manual:///lab Ask", "inner", "inner"]);
    lab.assertQuiet();
  });

  it("may let a stream through later, change it, or fail it", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const shout: ClientInterceptor = (next) => async (call) => {
      const responses = (await next(call)) as AsyncIterable<string>;
      return (async function* () {
        for await (const text of responses) yield text.toUpperCase();
      })();
    };
    const loud = collect(clientOf(lab, { list: "List" }, [shout])["list"]!("all"));
    await lab.settle();
    peers[0]!.calls[0]!.answer("uno");
    assert.deepEqual(await loud, ["UNO"]);
    const refuse: ClientInterceptor = () => async () => {
      throw new MeshError("PERMISSION_DENIED", "not now");
    };
    const refused = clientOf(lab, { list: "List" }, [refuse])["list"]!("all");
    assert.equal((await failure(collect(refused))).code, "PERMISSION_DENIED");
    const nonsense: ClientInterceptor = () => async () => 7;
    const wrong = clientOf(lab, { list: "List" }, [nonsense])["list"]!("all");
    assert.match((await failure(collect(wrong))).reason, /did not resolve to an async iterable/);
    lab.assertQuiet();
  });

  it("have their stream cancelled when its reader leaves, also before the first message", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const pass: ClientInterceptor = (next) => (call) => next(call);
    const iterator = clientOf(lab, { list: "List" }, [pass])["list"]!("all")[Symbol.asyncIterator]();
    const first = iterator.next();
    await lab.settle();
    assert.deepEqual(await iterator.return?.(), { done: true, value: undefined });
    assert.equal((await first).done, true);
    await lab.settle();
    assert.equal(peers[0]!.calls[0]!.incoming.cancellation.cancelled, true);
    lab.assertQuiet();
  });

  it("make no call of a stream that nobody reads", async () => {
    const { lab, peers } = await CallLab.with(["a"]);
    const client = clientOf(lab, { list: "List" }, []);
    const unread = client["list"]!("all")[Symbol.asyncIterator]();
    await lab.settle();
    assert.deepEqual(await unread.return?.(), { done: true, value: undefined });
    assert.deepEqual(await unread.next(), { done: true, value: undefined });
    await lab.settle();
    assert.equal(peers[0]!.calls.length, 0);
    lab.assertQuiet();
  });

  it("that failed a stream leave nothing to whoever leaves it unread", async () => {
    const { lab } = await CallLab.with(["a"]);
    const refuse: ClientInterceptor = () => async () => {
      throw new MeshError("PERMISSION_DENIED", "not now");
    };
    const iterator = clientOf(lab, { list: "List" }, [refuse])["list"]!("all")[Symbol.asyncIterator]();
    assert.deepEqual(await iterator.return?.(), { done: true, value: undefined });
  });
});
