/** `/v1/status`, `/` and `/v1/catalog/datacenters`: a cluster of one. */
import { type AgentState, json } from "../agent-state.ts";
import { open } from "../http/access.ts";
import { refuseOtherDatacenter } from "../http/query.ts";
import { text } from "../http/reply.ts";
import type { Route } from "../http/router.ts";

export function statusRoutes(state: AgentState): Route[] {
  const { node } = state;
  const host = node.address.includes(":") ? `[${node.address}]` : node.address;
  const leader = `${host}:${node.port}`;
  return [
    {
      path: "/v1/status/leader",
      methods: {
        GET: open((call) => {
          refuseOtherDatacenter(call.query, node.datacenter);
          return json(call, leader);
        }),
      },
    },
    {
      path: "/v1/status/peers",
      methods: {
        GET: open((call) => {
          refuseOtherDatacenter(call.query, node.datacenter);
          return json(call, [leader]);
        }),
      },
    },
    { path: "/v1/catalog/datacenters", methods: { GET: open((call) => json(call, [node.datacenter])) } },
    {
      path: "/",
      methods: { GET: open(() => text(200, "Consul Agent (meshwork)\n")) },
    },
  ];
}
