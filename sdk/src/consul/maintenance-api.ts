/**
 * Taking a node or one service out of use for a while: a check of Consul's own turns critical, so nobody is sent there
 * (https://developer.hashicorp.com/consul/api-docs/agent#enable-maintenance-mode).
 */
import { type CallBounds, type ConsulHttp, refusal } from "./consul-http.ts";

/** Of the node of our agent. Needs node:write. Twice is as good as once. */
export async function startNodeMaintenance(http: ConsulHttp, reason: string, bounds: CallBounds = {}): Promise<void> {
  await maintain(http, NODE, { enable: "true", reason }, bounds);
}

/** Needs node:write. Does nothing where there is none. */
export async function endNodeMaintenance(http: ConsulHttp, bounds: CallBounds = {}): Promise<void> {
  await maintain(http, NODE, { enable: "false" }, bounds);
}

/** Of one instance on our agent, by its id. Needs service:write. Rejects with NOT_FOUND when the agent has none such. */
export async function startServiceMaintenance(
  http: ConsulHttp,
  id: string,
  reason: string,
  bounds: CallBounds = {},
): Promise<void> {
  await maintain(http, servicePath(id), { enable: "true", reason }, bounds);
}

/** Needs service:write. Rejects with NOT_FOUND when the agent has no such instance. */
export async function endServiceMaintenance(http: ConsulHttp, id: string, bounds: CallBounds = {}): Promise<void> {
  await maintain(http, servicePath(id), { enable: "false" }, bounds);
}

const NODE = "/agent/maintenance";

function servicePath(id: string): string {
  return `/agent/service/maintenance/${encodeURIComponent(id)}`;
}

async function maintain(
  http: ConsulHttp,
  path: string,
  query: Readonly<Record<string, string>>,
  bounds: CallBounds,
): Promise<void> {
  const reply = await http.request({ ...bounds, method: "PUT", path, query });
  if (reply.status !== 200) throw refusal(http, `to change maintenance (${path})`, reply);
}
