/**
 * Where the agent answers otherwise on purpose. Each is checked on both sides, so that the list cannot rot.
 *
 * Five more are faults of Consul 1.8 that nobody can want: whoever watches a config entry while it is removed is shown it
 * once more as if it were there; a null in the Config of proxy-defaults ends the server, and so may the write after a
 * transaction that deleted the tree of all keys; a null among the operations of a transaction, or as the configuration of
 * the certificate authority, gets no answer; and a configuration that keeps the root makes leaves come without the root's
 * signature by the one before, though the list of roots still has it.
 *
 * Three more need luck or many sockets to be seen: Consul lets a value beyond 512 KiB pass when its length is not announced; whoever waits
 * for what is missing is woken by whatever is stored nearby, in the agent by every key and by no service; and Consul
 * takes 200 connections from one client, the agent all of them.
 */
export const knownDifferences: readonly {
  readonly request: readonly ["GET" | "PUT", string, unknown?];
  readonly agent: number;
  readonly consul: number;
  readonly why: string;
}[] = [
  { request: ["GET", "/"], agent: 200, consul: 301, why: "Consul redirects to its web UI; there is none here" },
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
  {
    request: ["PUT", "/v1/config", { Kind: "terminating-gateway", Name: "edge" }],
    agent: 501,
    consul: 200,
    why: "there are no proxies that could be gateways",
  },
  {
    request: ["PUT", "/v1/connect/ca/configuration", { Provider: "vault", Config: {} }],
    agent: 501,
    consul: 500,
    why: "the only certificate authority is the built-in one, and so nothing is wrong with another's configuration",
  },
  {
    request: [
      "PUT",
      "/v1/connect/ca/configuration",
      { Provider: "consul", Config: { PrivateKey: "x", RootCert: "x" } },
    ],
    agent: 501,
    consul: 500,
    why: "the authority makes its root itself",
  },
];
