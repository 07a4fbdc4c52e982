/** Transactions: all operations or none. */
import type { Raw, Recorder } from "../../support/parity-recorder.ts";
import { longWaitMs, modifyIndex, newSession, type Script, shortWaitMs } from "../script.ts";

const txn = "/v1/txn";
const nobody = "00000000-0000-0000-0000-000000000000";

function key(Verb: string, Key: string, more: object = {}): object {
  return { KV: { Verb, Key, ...more } };
}

function node(Verb: string, Node: object): object {
  return { Node: { Verb, Node } };
}

function service(Verb: string, Node: string, Service: object): object {
  return { Service: { Verb, Node, Service } };
}

function check(Verb: string, Check: object): object {
  return { Check: { Verb, Check } };
}

const value = (text: string): { Value: string } => ({ Value: Buffer.from(text).toString("base64") });

function each(registry: Recorder, operations: readonly object[]): Promise<void> {
  return operations.reduce<Promise<void>>(async (before, operation) => {
    await before;
    await registry.put(txn, [operation]);
  }, Promise.resolve());
}

/** The modify index in the answer of a transaction. */
function writtenAt({ json }: Raw, kind: string): number {
  const { Results } = json as { Results: Record<string, { ModifyIndex: number }>[] };
  return Results[0]?.[kind]?.ModifyIndex ?? 0;
}

export const scripts: Readonly<Record<string, Script>> = {
  "transactions of keys": async (registry) => {
    await each(registry, [
      key("set", "txn/a", value("hello")),
      key("set", "txn/b", { Flags: 5, Value: null }),
      key("get", "txn/a"),
      key("get", "txn/none"),
      key("get-tree", "txn/"),
      key("get-tree", "txn/none/"),
      key("check-not-exists", "txn/none"),
      key("check-not-exists", "txn/a"),
      key("delete", "txn/none"),
      key("delete-cas", "txn/none", { Index: 7 }),
      key("cas", "txn/c", { Index: 0, ...value("created") }),
      key("cas", "txn/c", { Index: 0, ...value("again") }),
      key("cas", "txn/none", { Index: 9 }),
    ]);
    const big = '[{"KV":{"Verb":"set","Key":"txn/big","Flags":18446744073709551615}}]';
    const { body } = await registry.put(txn, big);
    registry.note("flags of 64 bits are kept", /"Flags":\s*18446744073709551615/.test(body));
    const at = modifyIndex((await registry.get("/v1/kv/txn/a")).json);
    await each(registry, [
      key("check-index", "txn/a", { Index: at }),
      key("cas", "txn/a", { Index: at, ...value("swapped") }),
      key("cas", "txn/a", { Index: at, ...value("too late") }),
    ]);
    await registry.put(txn, [
      key("set", "txn/z", value("z")),
      key("get", "txn/z"),
      key("set", "txn/z", value("z")),
      key("cas", "txn/y", { Index: 0 }),
      key("delete", "txn/y"),
      key("check-not-exists", "txn/y"),
      key("get-tree", "txn/"),
      key("delete-tree", "txn/"),
      key("get-tree", "txn/"),
      key("set", "txn/last", value("l")),
    ]);
    await registry.get("/v1/kv/txn/?recurse");
    await registry.put(txn, [key("delete-tree", "txn/")]);
  },

  "transactions that fail change nothing": async (registry) => {
    await registry.put("/v1/kv/fails/a", "v");
    const failing = [
      key("set", "fails/z", value("z")),
      key("get", "fails/z"),
      key("get", "fails/none"),
      key("check-not-exists", "fails/a"),
      key("cas", "fails/a", { Index: 3 }),
      key("delete-cas", "fails/a", { Index: 3 }),
      key("check-index", "fails/none", { Index: 3 }),
      key("check-session", "fails/a", { Session: "x" }),
      key("check-session", "fails/none", { Session: "x" }),
      key("check-session", "fails/a"),
      key("lock", "fails/a", { Session: "x" }),
      key("lock", "fails/a"),
      key("unlock", "fails/a"),
      key("unlock", "fails/a", { Session: "x" }),
      key("lock", "fails/a", { Session: nobody }),
      key("delete-tree", "fails/"),
      key("get", "fails/a"),
    ];
    await registry.put(txn, failing);
    await registry.put(txn, [key("unheard-of", "fails/a")]);
    await registry.get("/v1/kv/fails/?recurse");
    await registry.put(txn, [key("set", "", {}), key("get", ""), key("get-tree", ""), key("delete", "fails/a")]);
    await registry.get("/v1/kv/fails/?recurse");
    await registry.watch("a transaction that fails", "/v1/kv/fails/?recurse", shortWaitMs, () =>
      registry.askQuietly("PUT", txn, [key("set", "fails/b", {}), key("get", "fails/none")]),
    );
    await registry.delete("/v1/kv/fails/?recurse");
  },

  "transactions with locks": async (registry) => {
    const owner = await newSession(registry, { LockDelay: 0 });
    const other = await newSession(registry, { LockDelay: "1m" });
    await each(registry, [
      key("lock", "locked/a", { Session: owner, ...value("mine") }),
      key("lock", "locked/a", { Session: owner, Flags: 1, ...value("mine") }),
      key("lock", "locked/a", { Session: other }),
      key("check-session", "locked/a", { Session: owner }),
      key("check-session", "locked/b", { Session: owner }),
      key("set", "locked/a", value("written past the lock")),
      key("unlock", "locked/a", { Session: other }),
      key("unlock", "locked/a", { Session: owner, ...value("free") }),
      key("lock", "locked/a", { Session: other }),
    ]);
    await registry.put(`/v1/session/destroy/${other}`);
    await registry.put(txn, [key("lock", "locked/a", { Session: owner }), key("get", "locked/none")]);
    await registry.put(txn, [key("lock", "locked/b", { Session: owner }), key("delete", "locked/a")]);
    await registry.get("/v1/kv/locked/?recurse");
    await registry.put(`/v1/session/destroy/${owner}`);
  },

  "transactions that cannot be read": async (registry) => {
    const bodies = ["", "{}", '"x"', "[5]", '[{"Bogus":{}}]', '[{"KV":{"Bogus":1}}]', '[{"KV":5}]', '[{"KV":[]}]'];
    for (const body of bodies) await registry.put(txn, body);
    const kv = ['"Key":5', '"Value":5', '"Value":"a"', '"Value":"aGV!"', '"Value":"aGVsbG8"', '"Flags":-1'];
    for (const field of [...kv, '"Flags":"5"', '"Index":1.5', '"Flags":18446744073709551616', '"Session":1']) {
      await registry.put(txn, `[{"KV":{"Verb":"set","Key":"odd",${field}}}]`);
    }
    for (const body of ["null", "[]", "[{}]", '[{"KV":null}]', '[{},{"KV":{"Verb":"get","Key":"none"}}]']) {
      await registry.put(txn, body);
    }
    for (const query of ["dc=elsewhere", "dc=dc1", "ns=x", "index=x", "stale", "consistent", "stale&consistent"]) {
      await registry.put(`${txn}?${query}`, []);
      await registry.put(`${txn}?${query}`, [key("set", "odd", {})]);
    }
    await registry.put(`${txn}?pretty`, [key("get", "odd")]);
    await registry.get(txn);
    await registry.put(
      txn,
      Array.from({ length: 65 }, () => key("get", "odd")),
    );
    await registry.put(txn, [key("set", "odd", value("x".repeat(400_000)))]);
    await registry.put(txn, [key("set", "odd", value("x".repeat(380_000)))]);
    await registry.delete("/v1/kv/odd");
  },

  "transactions of nodes": async (registry) => {
    const id = "bbbbbbbb-0000-1111-2222-333333333333";
    const full = {
      Node: "txn-full",
      ID: id,
      Address: "10.0.0.2",
      Meta: { a: "b" },
      TaggedAddresses: { lan: "1.1.1.1" },
    };
    await each(registry, [
      node("get", { Node: "txn-n" }),
      node("get", {}),
      node("get", { ID: "x" }),
      node("set", {}),
      node("set", { Node: "txn-n", ID: "x" }),
      node("set", { Node: "txn-n", Bogus: 1 }),
      node("set", { Node: "txn-n", Address: "10.0.0.1" }),
      node("cas", { Node: "txn-n", Address: "10.0.0.9" }),
      node("cas", { Node: "txn-none", ModifyIndex: 9 }),
      node("cas", full),
      node("get", { Node: "whatever", ID: id }),
      node("get", { Node: "TXN-full" }),
      node("delete-cas", { Node: "txn-n", ModifyIndex: 9 }),
      node("delete-cas", { Node: "txn-none", ModifyIndex: 9 }),
      node("delete", { Node: "txn-none" }),
      node("unheard-of", { Node: "txn-n" }),
    ]);
    const read = await registry.put(txn, [node("get", { Node: "txn-n" })]);
    const at = writtenAt(read, "Node");
    await registry.put(txn, [node("cas", { Node: "txn-n", Address: "10.0.0.3", ModifyIndex: at })]);
    await registry.get("/v1/catalog/node/txn-n");
    await registry.put(txn, [node("set", { ...full, Node: "txn-renamed" }), node("get", { Node: "txn-full" })]);
    await registry.put(txn, [node("set", { ...full, Node: "txn-renamed" })]);
    await registry.get("/v1/catalog/node/txn-full");
    const gone = [{ Node: "txn-n" }, { Node: "txn-renamed" }].map((one) => node("delete", one));
    await registry.put(txn, [...gone, key("get", "none")]);
    await registry.get("/v1/catalog/node/txn-n");
    await registry.watch("a node goes", "/v1/catalog/nodes", longWaitMs, () => registry.askQuietly("PUT", txn, gone));
  },

  "transactions of services": async (registry) => {
    await registry.put("/v1/catalog/register", { Node: "txn-s", Address: "10.0.0.1" });
    const full = {
      ID: "full",
      Service: "txn-service",
      Tags: ["a"],
      Meta: { a: "b" },
      Port: 80,
      Address: "1.2.3.4",
      Weights: { Passing: 3, Warning: 1 },
      EnableTagOverride: true,
      TaggedAddresses: { lan: { Address: "x", Port: 1 } },
    };
    await each(registry, [
      service("get", "txn-s", { ID: "s" }),
      service("set", "txn-s", {}),
      service("set", "txn-s", { ID: "s" }),
      service("set", "absent", { Service: "s" }),
      service("set", "txn-s", { Service: "s", Address: "0.0.0.0" }),
      service("set", "txn-s", { Service: "s", Meta: { "a b": "c" } }),
      service("set", "txn-s", { Service: "s", Bogus: 1 }),
      service("set", "txn-s", { Service: "txn-service" }),
      service("cas", "txn-s", full),
      service("cas", "txn-s", full),
      service("get", "txn-s", { ID: "full" }),
      service("get", "txn-s", { Service: "txn-service" }),
      service("cas", "txn-s", { ...full, ModifyIndex: 3 }),
      service("cas", "txn-s", { ...full, ID: "none", ModifyIndex: 3 }),
      service("delete-cas", "txn-s", { ...full, ModifyIndex: 3 }),
      service("delete-cas", "txn-s", { ...full, ID: "none", ModifyIndex: 3 }),
      service("delete", "txn-s", { ID: "none" }),
      service("delete", "txn-s", { ID: "none", Service: "x" }),
      service("unheard-of", "txn-s", full),
    ]);
    const at = writtenAt(await registry.put(txn, [service("get", "txn-s", { ID: "full" })]), "Service");
    await registry.put(txn, [service("cas", "txn-s", { ...full, Port: 81, ModifyIndex: at })]);
    await registry.get("/v1/health/service/txn-service");
    await registry.watch("a service goes", "/v1/health/service/txn-service", longWaitMs, () =>
      registry.askQuietly("PUT", txn, [service("delete", "txn-s", full)]),
    );
    await registry.get("/v1/catalog/service/txn-service");
    await registry.put("/v1/catalog/deregister", { Node: "txn-s" });
  },

  "transactions of checks": async (registry) => {
    await registry.put("/v1/catalog/register", {
      Node: "txn-c",
      Address: "10.0.0.1",
      Service: { Service: "txn-checked", Tags: ["t"] },
    });
    const full = {
      Node: "txn-c",
      CheckID: "full",
      Name: "name",
      ServiceID: "txn-checked",
      Status: "passing",
      Notes: "n",
      Output: "o",
      Type: "http",
      Definition: { HTTP: "http://x", Interval: "5s", Timeout: 5e9, Header: { a: ["b"] }, TTL: "5s", Bogus: 1 },
    };
    await each(registry, [
      check("get", { Node: "txn-c", CheckID: "c" }),
      check("set", { Node: "txn-c" }),
      check("set", { CheckID: "x" }),
      check("set", { Node: "absent", CheckID: "x" }),
      check("set", { Node: "txn-c", CheckID: "x", ServiceID: "none" }),
      check("set", { Node: "txn-c", CheckID: "x", Bogus: 1 }),
      check("set", { Node: "txn-c", Name: "whole node" }),
      check("cas", full),
      check("cas", full),
      check("get", full),
      check("cas", { ...full, ModifyIndex: 3 }),
      check("cas", { ...full, CheckID: "none", ModifyIndex: 3 }),
      check("delete-cas", { ...full, ModifyIndex: 3 }),
      check("delete-cas", { ...full, CheckID: "none", ModifyIndex: 3 }),
      check("delete", { ...full, CheckID: "none" }),
      check("unheard-of", full),
    ]);
    const at = writtenAt(await registry.put(txn, [check("get", full)]), "Check");
    await registry.put(txn, [check("cas", { ...full, Status: "warning", ModifyIndex: at })]);
    await registry.get("/v1/health/node/txn-c");
    const session = await newSession(registry, { Node: "txn-c", NodeChecks: ["full"], LockDelay: 0 });
    await registry.put(`/v1/kv/txn-c-lock?acquire=${session}`, "v");
    const fail = check("set", { ...full, Status: "critical" });
    await registry.put(txn, [fail, key("check-session", "txn-c-lock", { Session: session })]);
    await registry.get(`/v1/session/info/${session}`);
    await registry.put(txn, [fail, key("check-session", "txn-c-lock")]);
    await registry.get(`/v1/session/info/${session}`);
    await registry.put("/v1/catalog/deregister", { Node: "txn-c" });
    await registry.delete("/v1/kv/txn-c-lock");
  },
};
