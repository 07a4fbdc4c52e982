/** The agents that ours gossips with (https://developer.hashicorp.com/consul/api-docs/agent#list-members). */
import { z } from "zod";
import { type CallBounds, type ConsulHttp, refusal } from "./consul-http.ts";
import { decodeReply } from "./decode-reply.ts";

export interface AgentMember {
  readonly name: string;
  readonly address: string;
  /** Of gossip. */
  readonly port: number;
  readonly role: "server" | "client";
  readonly status: "none" | "alive" | "leaving" | "left" | "failed";
  /** "1.8.7"; absent when it does not tell. */
  readonly version?: string;
  readonly datacenter?: string;
}

/** Serf's numbers. */
const STATUSES = ["none", "alive", "leaving", "left", "failed"] as const;

const MembersJson = z.array(
  z.object({
    Name: z.string(),
    Addr: z.string(),
    Port: z.int(),
    Status: z
      .int()
      .min(0)
      .max(STATUSES.length - 1),
    Tags: z.record(z.string(), z.string()).nullish(),
  }),
);

/** In the order of names. Those that the token may not read (node:read) are left out. */
export async function agentMembers(http: ConsulHttp, bounds: CallBounds = {}): Promise<readonly AgentMember[]> {
  const reply = await http.request({ ...bounds, method: "GET", path: "/agent/members" });
  if (reply.status !== 200) throw refusal(http, "to list its members", reply);
  const members = decodeReply(http, MembersJson, reply.text).map(({ Name, Addr, Port, Status, Tags }): AgentMember => {
    // "1.8.7:0a1b2c3d"
    const version = Tags?.["build"]?.split(":")[0];
    const datacenter = Tags?.["dc"];
    return {
      name: Name,
      address: Addr,
      port: Port,
      role: Tags?.["role"] === "consul" ? "server" : "client",
      status: STATUSES[Status] ?? "none",
      ...(version === undefined ? {} : { version }),
      ...(datacenter === undefined ? {} : { datacenter }),
    };
  });
  return members.sort((a, b) => (a.name < b.name ? -1 : 1));
}
