/** The token of the meshes in a cluster that denies by default (https://developer.hashicorp.com/consul/api-docs/acl). */
import { ConsulNode } from "../support/consul-node.ts";
import { type ConsulCluster, until } from "../support/consul-cluster.ts";
import type { TokenKeeper } from "./scenario.ts";

const ACCESSOR = "5ca1ab1e-0000-4000-8000-00000000acce";
const SECRET = "5ca1ab1e-0000-4000-8000-00000000beef";
const POLICY = {
  Name: "mesh",
  Rules:
    'service_prefix "" { policy = "write" } node_prefix "" { policy = "read" } agent_prefix "" { policy = "read" }',
};

/** A server that follows lags behind the one that leads, and an agent that asks it remembers for 30 s that there is no such token. */
const KNOWN_WITHIN_MS = 10_000;

export function policedToken({ servers }: ConsulCluster): TokenKeeper {
  const [server] = servers;
  if (!(server instanceof ConsulNode)) throw new Error("cluster has no server to ask for a token");
  let hasPolicy = false;
  const isKnown = async (): Promise<boolean> => {
    const path = `/v1/acl/token/${ACCESSOR}?stale`;
    const replies = await Promise.all(servers.map((one) => one.request(path)));
    return replies.every(({ ok }) => ok);
  };
  return {
    token: SECRET,
    async grant() {
      if (!hasPolicy) await server.put("/v1/acl/policy", POLICY);
      hasPolicy = true;
      const token = { AccessorID: ACCESSOR, SecretID: SECRET, Policies: [{ Name: POLICY.Name }] };
      await server.put("/v1/acl/token", token);
      await until("every server knows the token", () => isKnown(), KNOWN_WITHIN_MS);
    },
    async revoke() {
      const reply = await server.request(`/v1/acl/token/${ACCESSOR}`, { method: "DELETE" });
      if (!reply.ok) throw new Error(`${server.name} did not delete the token: ${await reply.text()}`);
    },
  };
}
