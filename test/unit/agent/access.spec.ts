import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";

import { closed, filtered, holdersOf, open, refuseUnseen, visible } from "../../../agent/src/http/access.ts";
import { type Reply, text } from "../../../agent/src/http/reply.ts";
import { type Call, createRouter } from "../../../agent/src/http/router.ts";

const token = "s3cret";
const holder = { "x-consul-token": token };
const stranger = { "x-consul-token": "s3cre7" };

const list = (call: Call): Reply => text(200, visible(call)([{}, {}]).length.toString());
const routes = [
  { path: "/bare", methods: { GET: list } },
  { path: "/open", methods: { GET: open(list) } },
  { path: "/filtered", methods: { GET: filtered(list, { "X-Consul-Index": "1" }) } },
  { path: "/closed", methods: { GET: closed(list, { "X-Consul-Index": "1" }) } },
  {
    path: "/partly",
    methods: {
      GET: filtered((call) => {
        refuseUnseen(call);
        return text(200, "all");
      }),
    },
  },
];
const { signal } = new AbortController();

async function answer(target: string, headers: IncomingHttpHeaders): Promise<string> {
  const route = createRouter(routes, holdersOf(token));
  const { status, body } = await route({ method: "GET", target, headers, body: Buffer.alloc(0), signal });
  return `${status} ${String(body)}`;
}

describe("an agent with a token", () => {
  it("closes a route that says nothing of who may use it", async () => {
    assert.equal(await answer("/bare", holder), "200 2");
    assert.equal(await answer("/bare", {}), "403 Permission denied");
    assert.equal(await answer("/bare", stranger), "403 ACL not found");
  });

  it("shows those without a token what is left of a list, and strangers nothing", async () => {
    assert.equal(await answer("/filtered", holder), "200 2");
    assert.equal(await answer("/filtered", {}), "200 0");
    assert.equal(await answer("/filtered", stranger), "403 ACL not found");
  });

  it("shows everybody what is open", async () => {
    for (const headers of [holder, {}, stranger]) assert.equal(await answer("/open", headers), "200 2");
  });

  it("refuses what is no list where the rest is filtered", async () => {
    assert.equal(await answer("/partly", holder), "200 all");
    assert.equal(await answer("/partly", {}), "403 Permission denied");
  });

  it("refuses with the headers that belong to a route", async () => {
    const route = createRouter(routes, holdersOf(token));
    for (const [target, headers] of [
      ["/closed", {}],
      ["/closed", stranger],
      ["/filtered", stranger],
    ] as const) {
      const reply = await route({ method: "GET", target, headers, body: Buffer.alloc(0), signal });
      assert.deepEqual([reply.status, reply.headers["X-Consul-Index"]], [403, "1"]);
    }
  });

  it("tells methods and paths that there are none to everybody", async () => {
    assert.equal(await answer("/absent", stranger), "404 ");
    const route = createRouter(routes, holdersOf(token));
    const reply = await route({ method: "PUT", target: "/bare", headers: {}, body: Buffer.alloc(0), signal });
    assert.equal(reply.status, 405);
  });

  it("takes the token from the query, its own header or a bearer's, in this order", () => {
    const identify = holdersOf(token);
    const who = (headers: IncomingHttpHeaders, query = ""): string => identify(headers, new URLSearchParams(query));
    assert.equal(who({}, `token=${token}`), "holder");
    assert.equal(who(holder, "token=other"), "stranger");
    assert.equal(who({ ...stranger, authorization: `Bearer ${token}` }), "stranger");
    assert.equal(who({ authorization: `bearer ${token}` }), "holder");
    assert.equal(who({ authorization: `Basic ${token}` }), "anonymous");
    assert.equal(who({ "x-consul-token": "anonymous" }), "anonymous");
    assert.equal(who({ "x-consul-token": `${token}${token}` }), "stranger");
  });
});

describe("an agent without a token", () => {
  it("lets everybody do everything, whatever token they show", async () => {
    const route = createRouter(routes);
    for (const headers of [{}, stranger]) {
      for (const { path } of routes) {
        const { status } = await route({ method: "GET", target: path, headers, body: Buffer.alloc(0), signal });
        assert.equal(status, 200, path);
      }
    }
  });
});
