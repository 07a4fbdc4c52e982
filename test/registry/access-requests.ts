/** What registries with access control are asked by those who may do everything, those who show no token, and strangers. */
import { hostname } from "node:os";
import type { Method } from "../support/parity-recorder.ts";

export type Asked = readonly [method: Method, path: string, body?: unknown];

const node = hostname();
/** Of a Consul session that nobody has made. */
const noSession = "11111111-2222-4333-8444-555555555555";

/** Made by who may, before anybody is asked anything. */
export const furniture: readonly Asked[] = [
  ["PUT", "/v1/agent/service/register", { Name: "shop", ID: "s1", Port: 80, Check: { TTL: "1h", Status: "passing" } }],
  ["PUT", "/v1/kv/a", "v"],
  ["PUT", "/v1/config", { Kind: "service-defaults", Name: "shop", Protocol: "http" }],
  ["PUT", "/v1/config", { Kind: "proxy-defaults", Name: "global", Config: { color: "blue" } }],
  ["PUT", "/v1/session/create", { Name: "theirs" }],
  ["POST", "/v1/connect/intentions", { SourceName: "web", DestinationName: "shop", Action: "allow" }],
];

const transaction = (...operations: object[]): Asked => ["PUT", "/v1/txn", operations];
const key = (Verb: string, more: object = {}): object => ({ KV: { Verb, Key: "a", ...more } });

/** What holders of the token are told is not the same of two agents. */
export const identity: readonly Asked[] = [
  ["GET", "/v1/agent/self"],
  ["GET", "/v1/agent/members"],
  ["GET", `/v1/catalog/node/${node}`],
  ["GET", `/v1/catalog/node-services/${node}`],
];

function authorization(caller: string): object {
  const uri = `spiffe://x.consul/ns/default/dc/dc1/svc/${caller}`;
  return { Target: "shop", ClientCertURI: uri, ClientCertSerial: "1" };
}

/** Writes to the agent come last: its catalog hears of them a moment later, and no answer depends on when. */
export const requests: readonly Asked[] = [
  ["GET", "/v1/agent/services"],
  ["GET", "/v1/agent/services?filter=Service==shop"],
  ["GET", "/v1/agent/checks"],
  ["GET", "/v1/agent/service/s1"],
  ["GET", "/v1/agent/health/service/id/s1"],
  ["GET", "/v1/agent/health/service/name/shop"],
  ["GET", "/v1/agent/health/service/name/shop?format=text"],
  ["GET", "/v1/health/service/shop"],
  ["GET", "/v1/health/service/shop?passing"],
  ["GET", "/v1/health/service/shop?filter=Service.Port==80"],
  ["GET", "/v1/health/service/shop?index=1&wait=2s"],
  ["GET", "/v1/health/checks/shop"],
  ["GET", `/v1/health/node/${node}`],
  ["GET", "/v1/health/state/any"],
  ["GET", "/v1/catalog/datacenters"],
  ["GET", "/v1/catalog/services"],
  ["GET", "/v1/catalog/services?node-meta=a:b"],
  ["GET", "/v1/catalog/service/shop"],
  ["GET", "/v1/catalog/service/absent"],
  ["GET", "/v1/catalog/nodes"],
  ["GET", "/v1/catalog/node/absent"],
  ["GET", "/v1/catalog/node-services/absent"],
  ["PUT", "/v1/catalog/register", { Node: "n", Address: "10.0.0.1" }],
  ["PUT", "/v1/catalog/deregister", { Node: "n" }],
  ["GET", "/v1/kv/a"],
  ["GET", "/v1/kv/a?raw"],
  ["GET", "/v1/kv/absent"],
  ["GET", "/v1/kv/?recurse"],
  ["GET", "/v1/kv/a?recurse"],
  ["GET", "/v1/kv/?keys"],
  ["GET", "/v1/kv/a?keys"],
  ["PUT", "/v1/kv/a?cas=0", "v"],
  ["PUT", `/v1/kv/a?acquire=${noSession}`, "v"],
  ["PUT", "/v1/kv/b", "v"],
  ["DELETE", "/v1/kv/b"],
  ["DELETE", "/v1/kv/b?recurse"],
  ["GET", "/v1/session/list"],
  ["GET", `/v1/session/node/${node}`],
  ["GET", `/v1/session/info/${noSession}`],
  transaction(),
  transaction(key("get")),
  transaction(key("get-tree")),
  transaction(key("get", { Key: "absent" })),
  transaction(key("check-session", { Session: noSession })),
  transaction(key("check-not-exists")),
  transaction(key("set", { Value: "dg==" }), key("get")),
  transaction(key("lock", { Session: noSession })),
  transaction(key("set", { Key: "" }), key("delete", { Key: "b" }), key("delete-tree", { Key: "b" })),
  transaction({ Node: { Verb: "get", Node: { Node: node } } }),
  transaction({ Node: { Verb: "set", Node: { Node: "n", Address: "10.0.0.1" } } }),
  transaction({ Node: { Verb: "delete", Node: { Node: "n" } } }),
  transaction({ Service: { Verb: "get", Node: node, Service: { ID: "absent" } } }),
  transaction({ Service: { Verb: "set", Node: node, Service: { ID: "q", Service: "q" } } }),
  transaction({ Service: { Verb: "delete", Node: node, Service: { ID: "q", Service: "q" } } }),
  transaction({ Check: { Verb: "get", Check: { Node: node, CheckID: "serfHealth" } } }),
  transaction({ Check: { Verb: "set", Check: { Node: node, CheckID: "q", Name: "q" } } }),
  transaction({ Check: { Verb: "delete", Check: { Node: node, CheckID: "q" } } }),
  ["PUT", "/v1/config", { Kind: "service-defaults", Name: "q", Protocol: "http" }],
  ["PUT", "/v1/config", { Kind: "service-resolver", Name: "q", Redirect: { Service: "shop" } }],
  ["GET", "/v1/config/"],
  ["GET", "/v1/config/service-defaults"],
  ["GET", "/v1/config/service-defaults/shop"],
  ["GET", "/v1/config/service-defaults/absent"],
  ["GET", "/v1/config/proxy-defaults"],
  ["GET", "/v1/config/proxy-defaults/global"],
  ["GET", "/v1/config/bogus/x"],
  ["GET", "/v1/discovery-chain/shop"],
  ["POST", "/v1/discovery-chain/shop", {}],
  ["DELETE", "/v1/config/service-resolver/q"],
  ["GET", "/v1/connect/intentions"],
  ["GET", "/v1/connect/intentions/match?by=destination&name=shop"],
  ["GET", "/v1/connect/intentions/check?source=web&destination=shop"],
  ["GET", "/v1/connect/intentions/check?source=other&destination=shop"],
  ["POST", "/v1/agent/connect/authorize", authorization("web")],
  ["POST", "/v1/agent/connect/authorize", authorization("other")],
  ["POST", "/v1/connect/intentions", { SourceName: "a", DestinationName: "b", Action: "allow" }],
  ["GET", "/v1/connect/ca/roots"],
  ["GET", "/v1/agent/connect/ca/roots"],
  ["GET", "/v1/agent/connect/ca/leaf/web"],
  ["GET", "/v1/connect/ca/configuration"],
  ["PUT", "/v1/connect/ca/configuration", { Provider: "consul", Config: { LeafCertTTL: "24h" } }],
  ["GET", "/v1/status/leader"],
  ["GET", "/v1/status/peers"],
  ["GET", "/v1/bogus"],
  ["POST", "/v1/kv/a"],
  ["OPTIONS", "/v1/kv/a"],
  ["POST", "/v1/internal/acl/authorize", [{ Resource: "service", Access: "read", Segment: "shop" }]],
  ["POST", "/v1/internal/acl/authorize", [{ Resource: "key", Access: "list" }]],
  ["PUT", "/v1/agent/maintenance?enable=true"],
  ["PUT", "/v1/agent/maintenance?enable=false"],
  ["PUT", "/v1/agent/service/register", { Name: "x", Port: 1 }],
  ["PUT", "/v1/agent/service/maintenance/s1?enable=true"],
  ["PUT", "/v1/agent/service/maintenance/s1?enable=false"],
  ["PUT", "/v1/agent/check/register", { Name: "c", TTL: "1h" }],
  ["PUT", "/v1/agent/check/register", { Name: "d", TTL: "1h", ServiceID: "s1" }],
  ["PUT", "/v1/agent/check/pass/service:s1"],
  ["PUT", "/v1/agent/check/warn/service:s1"],
  ["PUT", "/v1/agent/check/fail/service:s1"],
  ["PUT", "/v1/agent/check/update/service:s1", { Status: "passing" }],
  ["PUT", "/v1/agent/check/deregister/service:s1"],
  ["PUT", "/v1/agent/service/deregister/s1"],
];

/** To the anonymous Consul 1.8 answers these before it has looked for its leader, and says so in a header. */
export const nativeLists: readonly Asked[] = [
  ["GET", "/v1/health/connect/shop"],
  ["GET", "/v1/catalog/connect/shop"],
];

/** Certificates are not the same of two authorities: who is given them is. */
export const authority: readonly Asked[] = [
  ["GET", "/v1/connect/ca/roots"],
  ["GET", "/v1/agent/connect/ca/roots"],
  ["GET", "/v1/connect/ca/configuration"],
  ["PUT", "/v1/connect/ca/configuration", { Provider: "consul", Config: { LeafCertTTL: "72h" } }],
  ["GET", "/v1/agent/connect/ca/leaf/shop"],
];

/** What the agent does not have, and has no holder of a token do either. */
export const missing: readonly Asked[] = [
  ["GET", "/v1/agent/host"],
  ["GET", "/v1/agent/metrics"],
  ["GET", "/v1/agent/monitor"],
  ["PUT", "/v1/agent/reload"],
  ["GET", "/v1/operator/raft/configuration"],
  ["GET", "/v1/snapshot"],
  ["GET", "/v1/acl/tokens"],
  ["GET", "/v1/acl/policies"],
  ["PUT", "/v1/acl/token", {}],
];

const secret = "5ca1ab1e-0000-4000-8000-000000000000";

/** Ways to show a token, and to fail to. */
export const ways: readonly (readonly [path: string, headers: Readonly<Record<string, string>>])[] = [
  ["/v1/kv/a", { "X-Consul-Token": secret }],
  ["/v1/kv/a", { "X-Consul-Token": ` ${secret} ` }],
  ["/v1/kv/a", { "X-Consul-Token": secret.toUpperCase() }],
  ["/v1/kv/a", { "X-Consul-Token": secret.slice(0, -1) }],
  ["/v1/kv/a", { "X-Consul-Token": "" }],
  ["/v1/kv/a", { "X-Consul-Token": "anonymous" }],
  ["/v1/kv/a", { Authorization: `Bearer ${secret}` }],
  ["/v1/kv/a", { Authorization: `bearer  ${secret} and more` }],
  ["/v1/kv/a", { Authorization: `Bearer\t${secret}` }],
  ["/v1/kv/a", { Authorization: `Basic ${secret}` }],
  ["/v1/kv/a", { Authorization: "Bearer" }],
  ["/v1/kv/a", { Authorization: "Bearer wrong" }],
  ["/v1/kv/a", { Authorization: secret }],
  [`/v1/kv/a?token=${secret}`, {}],
  [`/v1/kv/a?token=${secret}&token=wrong`, {}],
  ["/v1/kv/a?token=wrong", { "X-Consul-Token": secret }],
  ["/v1/kv/a?token=", { "X-Consul-Token": secret }],
  ["/v1/kv/a", { "X-Consul-Token": "wrong", Authorization: `Bearer ${secret}` }],
];

export const callers = {
  holder: { name: "the holder: ", headers: { "X-Consul-Token": secret } },
  anonymous: { name: "the anonymous: ", headers: {} },
  stranger: { name: "a stranger: ", headers: { "X-Consul-Token": "5ca1ab1e-0000-4000-8000-00000000dead" } },
} as const;

export const rootToken: string = secret;
