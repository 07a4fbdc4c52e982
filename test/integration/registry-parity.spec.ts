/**
 * The agent against the Consul that it emulates: one script, two registries, the same answers. A difference is a defect
 * of the agent unless the list at the end justifies it.
 */
import assert from "node:assert/strict";

import { type RunningAgent, startAgent } from "@meshwork/agent";

import { Recorder } from "../support/parity-recorder.ts";
import { findConsul, type RealConsul, sayNotRun, startConsul } from "../support/real-consul.ts";

type Script = (registry: Recorder) => Promise<void>;

/** Of a watch that is expected to wake: only as long as this when it is broken. */
const longWaitMs = 5_000;
/** Of a watch that is expected to sleep through. */
const shortWaitMs = 250;

const isEmpty = (json: unknown): boolean => Array.isArray(json) && json.length === 0;
const isNotEmpty = (json: unknown): boolean => Array.isArray(json) && json.length > 0;
const names = (text: string) => (json: unknown) => JSON.stringify(json).includes(text);

const scripts: Record<string, Script> = {
  "a registration and everything that shows it": async (registry) => {
    await registry.put("/v1/agent/service/register", {
      Name: "shop",
      ID: "shop-1",
      Tags: ["v1", "blue", "v1"],
      Meta: { zone: "a" },
      Address: "127.0.0.1",
      Port: 8080,
      Weights: { Passing: 5, Warning: 2 },
      EnableTagOverride: true,
      Check: { Name: "alive", CheckID: "shop-alive", TTL: "1h", Status: "passing", Notes: "beats" },
      Checks: [{ TTL: "2h" }, { TTL: "90m", DeregisterCriticalServiceAfter: "90m", Status: "warning" }],
    });
    await registry.put("/v1/agent/service/register", {
      name: "snake",
      enable_tag_override: true,
      check: { ttl: "10m" },
    });
    await registry.put("/v1/agent/service/register", { Name: "bare", Connect: { Native: true } });
    await registry.put("/v1/agent/service/register", { Name: "named", Address: "shop.example", Port: 1 });
    await registry.put("/v1/agent/service/register", {
      Name: "six",
      Address: "::1",
      Port: 2,
      TaggedAddresses: { lan: { Address: "::2", Port: 3 } },
    });
    await registry.put("/v1/agent/service/register", { Name: "nulls", ID: null, Tags: null, Meta: null, Check: null });
    await registry.until("/v1/catalog/services", names("nulls"));
    await registry.until("/v1/health/checks/shop", (json) => (json as unknown[]).length === 3);
    await registry.get("/v1/agent/services");
    await registry.get("/v1/agent/checks");
    await registry.get("/v1/agent/service/shop-1");
    await registry.get("/v1/agent/service/absent");
    await registry.get("/v1/catalog/services");
    await registry.get("/v1/catalog/nodes");
    for (const name of ["shop", "SHOP", "bare", "named", "six", "absent"]) {
      await registry.get(`/v1/catalog/service/${name}`);
      await registry.get(`/v1/health/service/${name}`);
      await registry.get(`/v1/health/checks/${name}`);
    }
    for (const query of ["tag=v1", "tag=V1&tag=blue", "tag=red", "passing", "passing=1", "passing=false", "stale"]) {
      await registry.get(`/v1/health/service/shop?${query}`);
    }
    await registry.get("/v1/catalog/service/shop?tag=blue&consistent");
    for (const state of ["any", "passing", "warning", "critical", "unheard-of"]) {
      await registry.get(`/v1/health/state/${state}`);
    }
    for (const id of ["shop-1", "snake", "bare", "absent"]) {
      await registry.get(`/v1/agent/health/service/id/${id}`);
      await registry.get(`/v1/agent/health/service/id/${id}?format=text`);
    }
    await registry.get("/v1/agent/health/service/name/shop");
    await registry.get("/v1/agent/health/service/name/absent");
    await registry.get("/v1/agent/health/service/name/absent?format=text");
    await registry.get("/v1/agent/health/service/name/shop?format=text");
    await registry.get("/v1/agent/health/service/name/");
    await registry.get("/v1/agent/health/service/id/");
  },

  "heartbeats and their errors": async (registry) => {
    await registry.put("/v1/agent/service/register", { Name: "beat", ID: "b1", Check: { TTL: "1h" } });
    for (const [verb, status] of Object.entries({ pass: "passing", warn: "warning", fail: "critical" })) {
      await registry.put(`/v1/agent/check/${verb}/service:b1?note=it+is+${verb}`);
      await registry.until("/v1/health/checks/beat", names(`"Status":"${status}"`));
      await registry.get("/v1/agent/checks");
      await registry.get("/v1/health/checks/beat");
      await registry.get("/v1/health/service/beat?passing");
      await registry.get("/v1/agent/health/service/id/b1?format=text");
    }
    await registry.put("/v1/agent/check/fail/service:b1?note=output+alone+stays+local");
    await registry.get("/v1/agent/checks");
    await registry.get("/v1/health/checks/beat");
    await registry.put("/v1/agent/check/update/service:b1", { Status: "passing", Output: "fine" });
    await registry.put("/v1/agent/check/update/service:b1", { status: "passing", Output: "é".repeat(5_000).slice(1) });
    await registry.get("/v1/agent/checks");
    await registry.put("/v1/agent/check/update/service:b1", { Status: "odd" });
    await registry.put("/v1/agent/check/update/service:b1", {});
    await registry.put("/v1/agent/check/update/service:b1", { Status: "passing", Colour: 1 });
    await registry.put("/v1/agent/check/update/service:b1");
    await registry.put("/v1/agent/check/update/absent", { Status: "passing" });
    for (const verb of ["pass", "warn", "fail"]) await registry.put(`/v1/agent/check/${verb}/absent`);
    await registry.put("/v1/agent/check/pass/a%22b");
    await registry.put("/v1/agent/check/pass/");
  },

  "a TTL that runs out": async (registry) => {
    const body = { Name: "mortal", Check: { TTL: "200ms", Status: "passing" } };
    const critical = names('"Status":"critical"');
    await registry.put("/v1/agent/service/register", body);
    await registry.until("/v1/health/checks/mortal", critical);
    await registry.get("/v1/health/checks/mortal");
    await registry.put("/v1/agent/check/pass/service:mortal?note=still+here");
    await registry.until("/v1/health/checks/mortal", names("still here"));
    await registry.until("/v1/health/checks/mortal", critical);
    await registry.get("/v1/agent/checks");
    await registry.get("/v1/health/service/mortal");
    await registry.get("/v1/health/service/mortal?passing");
    await registry.put("/v1/agent/service/deregister/mortal");
  },

  maintenance: async (registry) => {
    await registry.put("/v1/agent/service/register", {
      Name: "shut",
      ID: "s1",
      Check: { TTL: "1h", Status: "passing" },
    });
    await registry.until("/v1/health/service/shut?passing", isNotEmpty);
    await registry.put("/v1/agent/service/maintenance/s1?enable=true&reason=deploy");
    await registry.put("/v1/agent/service/maintenance/s1?enable=true&reason=again");
    await registry.until("/v1/health/service/shut?passing", isEmpty);
    await registry.get("/v1/agent/checks");
    await registry.get("/v1/health/service/shut");
    await registry.get("/v1/agent/health/service/id/s1");
    await registry.put("/v1/agent/check/pass/_service_maintenance:s1");
    await registry.put("/v1/agent/service/maintenance/s1?enable=false");
    await registry.until("/v1/health/service/shut?passing", isNotEmpty);
    await registry.put("/v1/agent/service/maintenance/s1?enable=false");
    await registry.get("/v1/agent/checks");
    await registry.put("/v1/agent/service/maintenance/s1?enable=1");
    await registry.get("/v1/agent/checks");
    await registry.put("/v1/agent/service/register?replace-existing-checks", { Name: "shut", ID: "s1" });
    await registry.get("/v1/agent/checks");
    await registry.put("/v1/agent/service/maintenance/s1");
    await registry.put("/v1/agent/service/maintenance/s1?enable=perhaps");
    await registry.put("/v1/agent/service/maintenance/?enable=true");
    await registry.put("/v1/agent/service/maintenance/absent?enable=true");
  },

  "registering again": async (registry) => {
    const again = async (query: string, more: object): Promise<void> => {
      await registry.put(`/v1/agent/service/register${query}`, { Name: "twice", ID: "t1", Port: 2, ...more });
      await registry.get("/v1/agent/checks");
    };
    await again("", { Check: { TTL: "1h" } });
    await registry.put("/v1/agent/check/pass/service:t1?note=kept");
    await again("", {});
    await again("", { Check: { TTL: "2h", Status: "warning" } });
    await again("", { Check: { CheckID: "other", TTL: "2h", Status: "warning" } });
    await again("?replace-existing-checks=false", {});
    await again("?replace-existing-checks=true", { Check: { CheckID: "other", TTL: "2h" } });
    await again("?replace-existing-checks", {
      Checks: [
        { CheckID: "x", TTL: "2h" },
        { CheckID: "y", TTL: "2h" },
      ],
    });
    await again("?replace-existing-checks=nonsense", {});
    await again("?replace-existing-checks", {});
    await registry.put("/v1/agent/service/register", { Name: "renamed", ID: "t1", Check: { TTL: "2h" } });
    await registry.until("/v1/health/service/renamed", isNotEmpty);
    await registry.get("/v1/health/service/twice");
    await registry.get("/v1/health/service/renamed");
    await registry.put("/v1/agent/service/register", { Name: "thief", Check: { CheckID: "service:t1", TTL: "1h" } });
    await registry.until("/v1/health/checks/thief", isNotEmpty);
    await registry.get("/v1/health/checks/thief");
    await registry.get("/v1/health/checks/renamed");
    await registry.put("/v1/agent/service/deregister/t1");
    await registry.put("/v1/agent/service/deregister/t1");
    await registry.put("/v1/agent/service/deregister/");
    await registry.until("/v1/health/service/renamed", isEmpty);
    await registry.get("/v1/agent/services");
    await registry.get("/v1/agent/checks");
    await registry.get("/v1/catalog/services");
  },

  "registrations that are refused": async (registry) => {
    const bodies = [
      "",
      "null",
      {},
      { Name: "" },
      { ID: "x" },
      { Name: 3 },
      { Name: "a", Port: "x" },
      { Name: "a", Port: 1.5 },
      { Name: "a", Tags: "x" },
      { Name: "a", Tags: [1] },
      { Name: "a", Meta: { a: 1 } },
      { Name: "a", Meta: { "a b": "1" } },
      { Name: "a", Meta: { "consul-x": "1" } },
      { Name: "a", Meta: { "": "1" } },
      { Name: "a", Meta: { k: "v".repeat(513) } },
      { Name: "a", Meta: { ["k".repeat(129)]: "v" } },
      { Name: "a", Meta: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, "v"])) },
      { Name: "a", EnableTagOverride: "x" },
      { Name: "a", Weights: { Passing: 0 } },
      { Name: "a", Weights: { Warning: 3 } },
      { Name: "a", Weights: { Passing: -1 } },
      { Name: "a", Weights: { Passing: 2, Warning: -1 } },
      { Name: "a", Weights: { Passing: 70_000, Warning: 1 } },
      { Name: "a", Weights: { Passing: "1" } },
      { Name: "a", Address: "0.0.0.0" },
      { Name: "a", Address: "[::]" },
      { Name: "a", Bogus: 1 },
      { Name: "a", Namespace: "x" },
      { Name: "a", Ports: [] },
      { Name: "a", Check: { Bogus: 1 } },
      { Name: "a", Check: { TTL: "1h", Type: "ttl" } },
      { Name: "a", Weights: { Bogus: 1 } },
      { Name: "a", Check: { TTL: "x" } },
      { Name: "a", Check: { TTL: "-1s" } },
      { Name: "a", Check: { Name: "no TTL" } },
      { Name: "a", Check: { TTL: "10s", Status: "odd" } },
      { Name: "a", Check: { TTL: "10s", Interval: "1s" } },
      { Name: "a", Check: { TTL: "10s", DeregisterCriticalServiceAfter: "x" } },
      { Name: "a", Check: { HTTP: "http://127.0.0.1:1" } },
      { Name: "a", Checks: {} },
      { Name: "a", Checks: [{}] },
    ];
    for (const body of bodies) await registry.put("/v1/agent/service/register", body);
    await registry.put("/v1/agent/service/register?ns=x", { Name: "a" });
    await registry.put("/v1/agent/service/register", { Name: "accepted", Check: {} });
    await registry.put("/v1/agent/service/register", { Name: "accepted", Check: { TTL: "0s" } });
    await registry.put("/v1/agent/service/register", { Name: "accepted", Port: 70_000, Token: "x" });
    await registry.get("/v1/agent/service/accepted");
    await registry.get("/v1/agent/service/a");
  },

  "keys and values": async (registry) => {
    await registry.get("/v1/kv/a");
    await registry.get("/v1/kv/?keys");
    await registry.get("/v1/kv/?recurse");
    await registry.put("/v1/kv/a", "hello");
    await registry.put("/v1/kv/a?flags=42", "hello");
    await registry.put("/v1/kv/empty");
    const flagged = await registry.get("/v1/kv/a");
    await registry.put("/v1/kv/big?flags=18446744073709551615", "x");
    const big = await registry.get("/v1/kv/big");
    registry.note("flags of 64 bits are kept", /"Flags":\s*18446744073709551615/.test(big.body));
    await registry.put("/v1/kv/a?cas=0", "x");
    await registry.put("/v1/kv/a?cas=1", "x");
    await registry.put(`/v1/kv/a?cas=${modifyIndex(flagged.json)}`, "swapped");
    await registry.put(`/v1/kv/a?cas=${modifyIndex(flagged.json)}`, "too late");
    await registry.put("/v1/kv/new?cas=0", "created");
    await registry.put("/v1/kv/absent?cas=5", "x");
    for (const key of ["a", "empty", "new", "absent"]) {
      await registry.get(`/v1/kv/${key}`);
      await registry.get(`/v1/kv/${key}?raw`);
    }
    for (const key of ["d/", "d/b/c", "d/b/d", "d/e", "a%20b", "%C3%A9", "x%2Fy%252F"])
      await registry.put(`/v1/kv/${key}`, "v");
    for (const query of ["keys", "keys&separator=/", "keys&separator=", "recurse", "recurse&raw", "keys&recurse"]) {
      for (const prefix of ["", "d", "d/", "d/b", "d/b/", "absent"]) await registry.get(`/v1/kv/${prefix}?${query}`);
    }
    await registry.get("/v1/kv/a%20b");
    await registry.get("/v1/kv/a+b");
    await registry.delete("/v1/kv/absent");
    await registry.delete("/v1/kv/empty");
    await registry.delete("/v1/kv/new?cas=1");
    await registry.delete("/v1/kv/new?cas=0");
    await registry.delete(`/v1/kv/new?cas=${modifyIndex((await registry.get("/v1/kv/new")).json)}`);
    await registry.delete("/v1/kv/gone?cas=4");
    await registry.delete("/v1/kv/d/b/?recurse");
    await registry.delete("/v1/kv/absent?recurse");
    await registry.get("/v1/kv/?keys");
    await registry.delete("/v1/kv/?recurse");
    await registry.get("/v1/kv/?keys");
  },

  "key/value requests that are refused": async (registry) => {
    await registry.get("/v1/kv/");
    await registry.put("/v1/kv/", "v");
    await registry.delete("/v1/kv/");
    for (const query of [
      "cas=abc",
      "cas=-1",
      "cas=",
      "flags=abc",
      "flags=18446744073709551616",
      "dc=elsewhere",
      "ns=x",
    ]) {
      await registry.put(`/v1/kv/a?${query}`, "v");
    }
    await registry.put("/v1/kv/a?acquire=x&cas=1", "v");
    await registry.delete("/v1/kv/a?recurse&cas=1");
    await registry.delete("/v1/kv/a?cas=abc");
    for (const query of ["index=x", "wait=x", "dc=elsewhere", "stale&consistent"])
      await registry.get(`/v1/kv/a?${query}`);
    await registry.put("/v1/kv/full", "x".repeat(512 * 1024));
    await registry.put("/v1/kv/overfull", "x".repeat(512 * 1024 + 1));
    await registry.delete("/v1/kv/full");
  },

  "paths, methods and parameters that are refused": async (registry) => {
    for (const path of ["/nope", "/v1/nope", "/v1/", "/v1/agent", "/v1/agent/check/odd/x", "/v1/peerings"]) {
      await registry.get(path);
      await registry.put(path, {});
    }
    for (const path of ["/v1/kv", "/v1//kv/a", "/v1/kv/../status/leader", "/v1/kv/a/./b?raw", "/v1/agent/check/pass"]) {
      await registry.get(path);
      await registry.put(path, "v");
    }
    const methods = ["POST", "PATCH", "HEAD", "OPTIONS", "DELETE"] as const;
    for (const method of methods) await registry.ask(method, "/v1/status/leader");
    await registry.ask("GET", "/v1/agent/service/register");
    await registry.ask("GET", "/v1/agent/check/pass/x");
    await registry.ask("POST", "/v1/kv/a", "v");
    await registry.ask("OPTIONS", "/v1/kv/a");
    for (const path of ["/v1/health/service/", "/v1/health/checks/", "/v1/health/state/", "/v1/catalog/service/"]) {
      await registry.get(path);
    }
    await registry.get("/v1/health/service/%zz");
    const queries = [
      "index=abc",
      "index=-1",
      "index=18446744073709551616",
      "index=1&wait=abc",
      "wait=5",
      "passing=odd",
    ];
    for (const query of [...queries, "stale&consistent", "dc=elsewhere", "dc=dc1", "ns=x"]) {
      await registry.get(`/v1/health/service/absent?${query}`);
      await registry.get(`/v1/catalog/services?${query}`);
    }
  },

  "the cluster": async (registry) => {
    for (const path of ["/v1/status/leader", "/v1/status/peers", "/v1/catalog/datacenters", "/v1/status/leader?dc=x"]) {
      await registry.get(path);
    }
    const self = (await registry.askQuietly("GET", "/v1/agent/self")).json as Record<string, Record<string, unknown>>;
    registry.note("sections of self", Object.keys(self).sort());
    registry.note("configuration", {
      keys: Object.keys(self["Config"] ?? {}).sort(),
      version: self["Config"]?.["Version"],
    });
    registry.note("member", Object.keys(self["Member"] ?? {}).sort());
  },

  "what wakes a blocked query": async (registry) => {
    const register = (body: object) => () => registry.askQuietly("PUT", "/v1/agent/service/register", body);
    const beat = (verb: string, note: string) => () =>
      registry.askQuietly("PUT", `/v1/agent/check/${verb}/service:w1?note=${note}`);
    const plain = { Name: "watched", ID: "w1", Meta: { a: "b" } };
    const checked = { ...plain, Check: { TTL: "1h" } };
    const changed = { ...checked, Meta: { a: "c" } };
    await registry.askQuietly("PUT", "/v1/agent/service/deregister/never-was");
    await register({ Name: "fleeting" })();
    await registry.until("/v1/catalog/service/fleeting", isNotEmpty);
    await registry.askQuietly("PUT", "/v1/agent/service/deregister/fleeting");
    await registry.until("/v1/catalog/service/fleeting", isEmpty);

    const health = "/v1/health/service/watched";
    await registry.watch("the first instance", health, longWaitMs, register(checked));
    await registry.watch("a status", health, longWaitMs, beat("pass", "x"));
    await registry.watch("a status", "/v1/health/state/any", longWaitMs, beat("warn", "x"));
    await registry.watch("a status", "/v1/health/checks/watched", longWaitMs, beat("pass", "x"));
    await registry.watch("a status", "/v1/health/state/critical", longWaitMs, beat("fail", "x"));
    await registry.watch("output alone", health, shortWaitMs, beat("fail", "y"));
    await registry.watch("a status", "/v1/catalog/services", shortWaitMs, beat("warn", "x"));
    await registry.watch("the same again", health, shortWaitMs, register(checked));
    await registry.watch("another service", health, shortWaitMs, register({ Name: "unrelated" }));
    await registry.watch("a change of meta", health, longWaitMs, register(changed));
    await registry.watch("a change of meta", "/v1/catalog/service/watched", longWaitMs, register(checked));
    await registry.watch("a change of meta", "/v1/catalog/services", longWaitMs, register(changed));
    await registry.watch("a change of meta", "/v1/health/checks/watched", shortWaitMs, register(plain));
    await registry.watch("a registration", "/v1/catalog/nodes", shortWaitMs, register({ Name: "unrelated-2" }));
    const second = { ...checked, ID: "w2" };
    await registry.watch("a second instance", health, longWaitMs, register(second));
    const remove = (id: string) => () => registry.askQuietly("PUT", `/v1/agent/service/deregister/${id}`);
    await registry.watch("one of two leaves", health, longWaitMs, remove("w2"));
    await registry.watch("maintenance", health, longWaitMs, () =>
      registry.askQuietly("PUT", "/v1/agent/service/maintenance/w1?enable=true"),
    );
    await registry.watch("the last one leaves", health, longWaitMs, remove("w1"));

    const write = (key: string, value: string) => () => registry.askQuietly("PUT", `/v1/kv/${key}`, value);
    await registry.watch("creation", "/v1/kv/watch/a", longWaitMs, write("watch/a", "1"));
    await registry.watch("a change", "/v1/kv/watch/a", longWaitMs, write("watch/a", "2"));
    await registry.watch("the same value", "/v1/kv/watch/a", shortWaitMs, write("watch/a", "2"));
    await registry.watch("another key", "/v1/kv/watch/a", shortWaitMs, write("other", "1"));
    await registry.watch("a key outside", "/v1/kv/watch/?recurse", shortWaitMs, write("other", "3"));
    await registry.watch("a key inside", "/v1/kv/watch/?recurse", longWaitMs, write("watch/b", "1"));
    await registry.watch("a key inside", "/v1/kv/watch/?keys", longWaitMs, write("watch/b", "2"));
    const removeKey = (path: string) => () => registry.askQuietly("DELETE", `/v1/kv/${path}`);
    await registry.watch("deletion", "/v1/kv/watch/a", longWaitMs, removeKey("watch/a"));
    await registry.watch("deletion inside", "/v1/kv/watch/?recurse", longWaitMs, removeKey("watch/b"));

    const ahead = await registry.get("/v1/health/service/watched?index=100000&wait=100ms");
    registry.note("an index from the future waits and answers the true one", ahead.index < 100_000);
  },
};

/**
 * Where the agent answers otherwise on purpose. Each is checked on both sides, so that the list cannot rot.
 *
 * Four more need time, luck or many sockets to be seen: Consul publishes a check's output alone after some minutes, the
 * agent with the next status; Consul lets a value beyond 512 KiB pass when its length is not announced; whoever waits
 * for what is missing is woken by whatever is stored nearby, in the agent by every key and by no service; and Consul
 * takes 200 connections from one client, the agent all of them.
 */
const knownDifferences: readonly {
  readonly request: readonly ["GET" | "PUT", string, unknown?];
  readonly agent: number;
  readonly consul: number;
  readonly why: string;
}[] = [
  { request: ["GET", "/"], agent: 200, consul: 301, why: "Consul redirects to its web UI; there is none here" },
  {
    request: ["GET", '/v1/health/service/x?filter=Service.ID=="x"'],
    agent: 501,
    consul: 200,
    why: "filters are not evaluated; ignoring them would return what was filtered out",
  },
  {
    request: ["PUT", "/v1/agent/service/register", { Name: "x", Check: { TCP: "127.0.0.1:1", Interval: "10s" } }],
    agent: 400,
    consul: 200,
    why: "the agent probes nothing; accepting the check would report a state that nobody looked at",
  },
  {
    request: ["PUT", "/v1/agent/service/register", { Name: "x", Kind: "mesh-gateway", Port: 1 }],
    agent: 400,
    consul: 200,
    why: "there are no sidecars and gateways here",
  },
  {
    request: ["PUT", "/v1/agent/service/register", '{"Name":"x"} and more'],
    agent: 400,
    consul: 200,
    why: "what follows the JSON is refused rather than ignored",
  },
  { request: ["GET", "/v1/connect/ca/roots"], agent: 501, consul: 200, why: "there is no certificate authority yet" },
  { request: ["GET", "/v1/session/list"], agent: 501, consul: 200, why: "there are no sessions, hence no locks, yet" },
];

function modifyIndex(json: unknown): number {
  return (json as { ModifyIndex: number }[])[0]!.ModifyIndex;
}

describe("the agent beside a real Consul", () => {
  if (findConsul() === undefined) {
    it("is not compared on this machine", () => sayNotRun("registry parity"));
    return;
  }

  let agent: RunningAgent;
  let consul: RealConsul;

  before(async () => {
    [agent, consul] = await Promise.all([startAgent(), startConsul()]);
  });

  after(async () => {
    await Promise.all([agent?.close(), consul?.close()]);
  });

  const played = async (script: Script, url: string): Promise<Recorder> => {
    const recorder = new Recorder(url);
    await script(recorder);
    return recorder;
  };

  for (const [what, script] of Object.entries(scripts)) {
    it(`answers alike: ${what}`, async () => {
      const [ours, theirs] = await Promise.all([played(script, agent.url), played(script, consul.url)]);
      assert.ok(ours.records.length > 0);
      ours.records.forEach((record, step) => {
        assert.deepEqual(record, theirs.records[step], `step ${step}: ${record.request}`);
      });
      assert.equal(ours.records.length, theirs.records.length);
    });
  }

  for (const { request, agent: ourStatus, consul: theirStatus, why } of knownDifferences) {
    const [method, path, body] = request;
    it(`differs knowingly: ${method} ${path} is ${ourStatus}, not ${theirStatus}, because ${why}`, async () => {
      assert.equal((await new Recorder(agent.url).askQuietly(method, path, body)).status, ourStatus);
      assert.equal((await new Recorder(consul.url).askQuietly(method, path, body)).status, theirStatus);
    });
  }
});
