/** Sessions: what they may be, how they end, who hears of it. */
import type { Recorder } from "../../support/parity-recorder.ts";
import { isEmpty, isNotEmpty, longWaitMs, names, newSession, type Script, shortWaitMs } from "../script.ts";

const create = "/v1/session/create";
const nobody = "00000000-0000-0000-0000-000000000000";

async function createAndShow(registry: Recorder, body?: unknown): Promise<void> {
  const { status, json } = await registry.put(create, body);
  if (status === 200) await registry.get(`/v1/session/info/${(json as { ID: string }).ID}`);
}

export const scripts: Readonly<Record<string, Script>> = {
  "what a session may be": async (registry) => {
    await registry.get("/v1/session/list");
    await createAndShow(registry);
    const bodies: unknown[] = [
      "null",
      {},
      { Name: "full", LockDelay: "5s", Behavior: "delete", TTL: "1m30s", NodeChecks: ["serfHealth"] },
      { name: "cases", lockdelay: "5s", ttl: "0s", behavior: "release" },
      { Name: "unknown", Bogus: 1, ID: "mine", CreateIndex: 5 },
      { Name: "delays", LockDelay: 5 },
      { LockDelay: 0 },
      { LockDelay: "0s" },
      { LockDelay: -5 },
      { LockDelay: 1.5 },
      { LockDelay: 5e9 },
      { LockDelay: "500ns" },
      { LockDelay: true },
      { LockDelay: null },
      { LockDelay: "2h" },
      { Behavior: "" },
      { TTL: "" },
      { TTL: "0" },
      { TTL: "10s" },
      { TTL: "24h" },
      { Checks: [] },
      { Checks: null },
      { Checks: ["serfHealth"] },
      { NodeChecks: [] },
      { NodeChecks: null },
      { NodeChecks: [], Checks: ["serfHealth"] },
      { NodeChecks: ["serfHealth"], Checks: [] },
      { ServiceChecks: [] },
      { ServiceChecks: [{ ID: "serfHealth" }] },
      { ServiceChecks: [{ ID: "serfHealth", Namespace: "x" }] },
    ];
    for (const body of bodies) await createAndShow(registry, body);
    await createAndShow(registry, { Name: "pretty" });
    await registry.get("/v1/session/list");
  },

  "sessions that are refused": async (registry) => {
    await registry.put("/v1/catalog/register", {
      Node: "sess-bad",
      Address: "10.0.0.1",
      Checks: [
        { CheckID: "down", Name: "down", Status: "critical" },
        { CheckID: "warned", Name: "warned", Status: "warning" },
      ],
    });
    const bodies: unknown[] = [
      "[]",
      '"x"',
      "5",
      { Name: 1 },
      { TTL: "5s" },
      { TTL: "9.999s" },
      { TTL: "25h" },
      { TTL: "-10s" },
      { TTL: "x" },
      { TTL: "10" },
      { TTL: 10 },
      { Behavior: "x" },
      { Behavior: "x", TTL: "x" },
      { LockDelay: "x" },
      { LockDelay: "5" },
      { Node: "" },
      { Node: "absent" },
      { Node: "absent", TTL: "1s" },
      { NodeChecks: ["absent"] },
      { NodeChecks: "x" },
      { NodeChecks: [1] },
      { Checks: ["absent"] },
      { Checks: [1] },
      { Checks: "x" },
      { ServiceChecks: [{ ID: "absent" }] },
      { ServiceChecks: ["x"] },
      { ServiceChecks: {} },
      { Node: "sess-bad" },
      { Node: "sess-bad", NodeChecks: ["down"] },
      { Node: "sess-bad", NodeChecks: ["warned"] },
      { Node: "SESS-BAD", Checks: [] },
    ];
    for (const body of bodies) await registry.put(create, body);
    for (const query of ["dc=elsewhere", "ns=x", "dc=dc1"]) await registry.put(`${create}?${query}`);
    await registry.get("/v1/session/node/sess-bad");
    await registry.put("/v1/catalog/deregister", { Node: "sess-bad" });
    await registry.get("/v1/session/node/sess-bad");
    await registry.get("/v1/session/node/absent");
    await registry.get("/v1/session/node/");
    const odd = ["", "abc", nobody, "zz000000-0000-0000-0000-000000000000", "00-00-00-00-00-0000000000000000000000"];
    for (const id of [...odd, "0000000-00000-0000-0000-000000000000", `${nobody}0`, "0".repeat(36)]) {
      await registry.get(`/v1/session/info/${id}`);
      await registry.put(`/v1/session/renew/${id}`);
      await registry.put(`/v1/session/destroy/${id}`);
    }
    for (const query of ["index=x", "wait=x", "stale", "stale&consistent", "dc=elsewhere", "ns=x"]) {
      await registry.get(`/v1/session/list?${query}`);
      await registry.get(`/v1/session/info/${nobody}?${query}`);
      await registry.get(`/v1/session/node/absent?${query}`);
      await registry.put(`/v1/session/renew/${nobody}?${query}`);
      await registry.put(`/v1/session/destroy/${nobody}?${query}`);
    }
    for (const path of ["create", "destroy/x", "renew/x"]) await registry.get(`/v1/session/${path}`);
    for (const path of ["list", "info/x", "node/x"]) await registry.put(`/v1/session/${path}`);
    await registry.get("/v1/session/odd");
  },

  "a session's life": async (registry) => {
    const id = await newSession(registry, { Name: "life", TTL: "1h" });
    await registry.put(`/v1/session/renew/${id}`);
    await registry.put(`/v1/session/renew/${id.toUpperCase()}`);
    await registry.get(`/v1/session/info/${id.toUpperCase()}`);
    await registry.put(`/v1/session/destroy/${id.toUpperCase()}`);
    await registry.put(`/v1/session/renew/${id}`);
    await registry.get(`/v1/session/info/${id}`);
    await registry.put(`/v1/session/destroy/${id}`);
  },

  "sessions that rest on checks": async (registry) => {
    const service = { Name: "rests", ID: "rests-1", Check: { CheckID: "rests-alive", TTL: "1h", Status: "passing" } };
    await registry.put("/v1/agent/service/register", service);
    await registry.until("/v1/health/checks/rests", isNotEmpty);
    const foundations = [
      { Checks: ["rests-alive", "serfHealth"] },
      { NodeChecks: ["rests-alive"] },
      { ServiceChecks: [{ ID: "rests-alive" }] },
    ];
    const ids: string[] = [];
    for (const foundation of foundations) ids.push(await newSession(registry, foundation));
    const gone = async (): Promise<void> => {
      for (const id of ids) await registry.until(`/v1/session/info/${id}`, isEmpty);
      registry.note("they are gone", true);
    };
    await registry.put("/v1/agent/check/warn/rests-alive");
    await registry.until("/v1/health/checks/rests", names("warning"));
    for (const id of ids) await registry.get(`/v1/session/info/${id}`);
    await registry.put("/v1/agent/check/fail/rests-alive");
    await gone();
    await registry.put(create, foundations[1]);
    await registry.put("/v1/agent/check/pass/rests-alive");
    await registry.until("/v1/health/checks/rests", names("passing"));
    ids.splice(0, ids.length, await newSession(registry, { Checks: ["rests-alive"] }));
    await registry.put("/v1/agent/service/deregister/rests-1");
    await gone();
  },

  "sessions that rest on a node": async (registry) => {
    const node = { Node: "sess-node", Address: "10.0.0.1" };
    await registry.put("/v1/catalog/register", { ...node, Check: { Name: "whole", Status: "passing" } });
    const body = { Node: "sess-node", Checks: [] };
    const bare = await newSession(registry, { ...body, Name: "bare" });
    const checked = await newSession(registry, { ...body, Name: "checked", Checks: undefined, NodeChecks: ["whole"] });
    await registry.get("/v1/session/node/sess-NODE");
    await registry.put("/v1/catalog/register", { ...node, Address: "10.0.0.2" });
    await registry.get("/v1/session/node/sess-node");
    await registry.put("/v1/catalog/deregister", { Node: "sess-node", CheckID: "whole" });
    await registry.get(`/v1/session/info/${checked}`);
    await registry.get(`/v1/session/info/${bare}`);
    await registry.put("/v1/catalog/deregister", { Node: "sess-node" });
    await registry.get(`/v1/session/info/${bare}`);
    await registry.get("/v1/session/node/sess-node");
  },

  "watches of sessions": async (registry) => {
    const first = await newSession(registry, { Name: "watched" });
    const { json } = await registry.askQuietly("GET", `/v1/session/info/${first}`);
    const ownNode = `/v1/session/node/${(json as { Node: string }[])[0]?.Node}`;
    const watch = async (what: string, path: string, waitMs: number, act: () => Promise<unknown>): Promise<void> => {
      const before = registry.records.length;
      await registry.watch(what, path, waitMs, act);
      const [note] = registry.records.splice(before, 1);
      registry.note(what, note?.body);
    };
    let second = "";
    const born = async (): Promise<void> => {
      second = await newSession(registry, { Name: "second" });
    };
    const dies = (): Promise<unknown> => registry.askQuietly("PUT", `/v1/session/destroy/${second}`);
    await watch("a session is born: all", "/v1/session/list", longWaitMs, born);
    await watch("a session dies: all", "/v1/session/list", longWaitMs, dies);
    await watch("a session is born: its node", ownNode, longWaitMs, born);
    await watch("a session dies: itself", `/v1/session/info/${second}`, longWaitMs, dies);
    await born();
    await watch("a session dies: its node", ownNode, longWaitMs, dies);
    await watch("a session is renewed", "/v1/session/list", shortWaitMs, () =>
      registry.askQuietly("PUT", `/v1/session/renew/${first}`),
    );
    await registry.askQuietly("PUT", `/v1/session/destroy/${first}`);
  },
};
