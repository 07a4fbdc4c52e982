import assert from "node:assert/strict";

import * as fc from "fast-check";

import type { Reply } from "../../../agent/src/http/reply.ts";
import { createAgentRouter } from "../../../agent/src/routes/agent-router.ts";
import { agentState, service, ttl } from "./fixtures.ts";

type Ask = (method: string, target: string, body?: unknown) => Promise<Reply>;

interface HealthEntry {
  readonly Service: { readonly ID: string; readonly Port: number };
  readonly Checks: readonly { readonly CheckID: string }[];
}

function open(): ReturnType<typeof agentState> & { readonly ask: Ask } {
  const state = agentState();
  const route = createAgentRouter(state);
  const { signal } = new AbortController();
  const ask: Ask = (method, target, body = "") =>
    route({
      method,
      target,
      headers: {},
      body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
      signal,
    });
  return { ...state, ask };
}

function parsed({ body }: Reply): unknown {
  return JSON.parse(body.toString());
}

describe("the agent's HTTP API", () => {
  it("shows a registered instance with its checks, only while it passes if so asked", async () => {
    const { ask } = open();
    const body = { Name: "shop", ID: "s1", Port: 80, Check: { TTL: "1h", Status: "warning" } };
    assert.equal((await ask("PUT", "/v1/agent/service/register", body)).status, 200);
    const all = parsed(await ask("GET", "/v1/health/service/shop")) as HealthEntry[];
    assert.deepEqual(
      all.map(({ Service, Checks }) => [Service.ID, Service.Port, Checks.map(({ CheckID }) => CheckID)]),
      [["s1", 80, ["serfHealth", "service:s1"]]],
    );
    assert.deepEqual(parsed(await ask("GET", "/v1/health/service/shop?passing")), []);
    await ask("PUT", "/v1/agent/check/pass/service:s1");
    assert.equal((parsed(await ask("GET", "/v1/health/service/shop?passing")) as unknown[]).length, 1);
  });

  it("does not hear a change of status where only instances count", async () => {
    const { ask, registry, clock } = open();
    registry.register(service("shop"), [ttl(3_600_000)], "keep");
    const { headers } = await ask("GET", "/v1/catalog/service/shop");
    let answered = false;
    const blocked = ask("GET", `/v1/catalog/service/shop?index=${headers["X-Consul-Index"]}&wait=10s`).then((reply) => {
      answered = true;
      return reply;
    });
    await ask("PUT", "/v1/agent/check/warn/service:shop");
    assert.ok(!answered);
    clock.advance(11_000);
    assert.equal((await blocked).status, 200);
  });

  it("wakes whoever waits for a key that is not there, with every write", async () => {
    const { ask } = open();
    const { status, headers } = await ask("GET", "/v1/kv/absent");
    assert.equal(status, 404);
    const blocked = ask("GET", `/v1/kv/absent?index=${headers["X-Consul-Index"]}`);
    await ask("PUT", "/v1/kv/other", "v");
    const woken = await blocked;
    assert.equal(woken.status, 404);
    assert.ok(Number(woken.headers["X-Consul-Index"]) > Number(headers["X-Consul-Index"]));
  });

  it("gives stored bytes back as they came, and never as a page", async () => {
    const { keyValue, journal, ask } = open();
    const value = Buffer.from([0, 255, 128, 10]);
    journal.write((write) => keyValue.set(write, { key: "bytes", value, flags: 0n }, undefined));
    const { body, headers } = await ask("GET", "/v1/kv/bytes?raw");
    assert.deepEqual(body, value);
    assert.equal(headers["Content-Security-Policy"], "sandbox");
  });

  it("says that it is not a Consul where a Consul names its build", async () => {
    const { ask } = open();
    const self = parsed(await ask("GET", "/v1/agent/self")) as { Config: Record<string, unknown> };
    assert.equal(self.Config["Revision"], "meshwork");
    assert.match(String(self.Config["Version"]), /^\d+\.\d+\.\d+$/);
  });

  it("says what it does not support instead of answering something else", async () => {
    const { ask } = open();
    for (const target of ["/v1/snapshot", "/v1/agent/metrics"]) {
      const { status, body } = await ask("PUT", target, "{}").then((reply) =>
        reply.status === 405 ? ask("GET", target) : reply,
      );
      assert.equal(status, 501, target);
      assert.match(body.toString(), /not supported by the meshwork agent yet: .*real Consul/);
    }
  });

  it("carries an index of 1 and no leader on errors about the datacenter", async () => {
    const { ask } = open();
    const { status, headers } = await ask("GET", "/v1/health/service/a?dc=elsewhere");
    assert.equal(status, 500);
    assert.equal(headers["X-Consul-Index"], "1");
    assert.equal(headers["X-Consul-KnownLeader"], "false");
  });

  it("answers every request with a status of its own, however odd", async () => {
    const paths = ["/v1/agent/service/", "/v1/kv/", "/v1/health/service/", "/v1/agent/check/pass/", "/v1/", "/", ""];
    const queries = [
      "",
      "?keys",
      "?recurse",
      "?cas=1",
      "?raw&separator=/",
      "?passing",
      "?enable=true",
      "?wait=1s",
      "?%",
    ];
    const request = fc.record({
      method: fc.constantFrom("GET", "PUT", "DELETE", "POST", "OPTIONS", "HEAD", "constructor"),
      path: fc.constantFrom(...paths),
      rest: fc.oneof(fc.string(), fc.webPath(), fc.constantFrom("register", "%00", "%zz", "__proto__", "../..")),
      query: fc.constantFrom(...queries),
      body: fc.oneof(fc.string(), fc.json()),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 10 }), async (requests) => {
        const { ask } = open();
        for (const { method, path, rest, query, body } of requests) {
          const { status } = await ask(method, `${path}${rest.replaceAll("?", "")}${query}`, body);
          assert.ok([200, 301, 400, 404, 405, 429, 500, 501, 503].includes(status), `status ${status}`);
        }
        assert.equal((await ask("GET", "/v1/status/leader")).status, 200);
      }),
      { numRuns: 300 },
    );
  });
});
