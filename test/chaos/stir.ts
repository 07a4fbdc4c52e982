/**
 * Has every watch of the greeters answered, with nothing new in it: an instance that is never well comes, which changes
 * the service's index and nobody's view. Otherwise a watch notices a fault that breaks no connection after up to a minute.
 */
import type { ConsulNode } from "../support/consul-node.ts";

let serial = 0;

export async function stir(node: ConsulNode): Promise<void> {
  serial++;
  const id = `never-well-${serial}`;
  await node.put("/v1/agent/service/register", { ID: id, Name: "greeter", Port: 1, Check: { TTL: "24h" } });
}
