/** The endpoints of the agent next to us: who it is, and what runs here (https://developer.hashicorp.com/consul/api-docs/agent). */
import { z } from "zod";
import { type CallBounds, type ConsulHttp, type ConsulReply, refusal } from "./consul-http.ts";
import { decodeReply } from "./decode-reply.ts";

const AgentSelf = z.object({
  Config: z.object({ Datacenter: z.string(), NodeName: z.string(), Version: z.string() }),
});

export interface AgentSelf {
  readonly datacenter: string;
  readonly node: string;
  /** "1.8.7"; what newer ones know, older ones answer 400 to. */
  readonly version: string;
}

export async function agentSelf(http: ConsulHttp, bounds: CallBounds = {}): Promise<AgentSelf> {
  const reply = await http.request({ ...bounds, method: "GET", path: "/agent/self" });
  if (reply.status !== 200) throw refusal(http, "to say who it is", reply);
  return decodeAgentSelf(http, reply.text);
}

export function decodeAgentSelf(http: ConsulHttp, text: string): AgentSelf {
  const { Config } = decodeReply(http, AgentSelf, text);
  return { datacenter: Config.Datacenter, node: Config.NodeName, version: Config.Version };
}

/** What registers a service; the fields are Consul's. */
export interface ServiceRegistration {
  readonly ID: string;
  readonly Name: string;
  readonly Address: string;
  readonly Port: number;
  readonly Tags: readonly string[];
  readonly Meta: Readonly<Record<string, string>>;
  readonly Weights: { readonly Passing: number; readonly Warning: number };
  readonly Check: {
    readonly CheckID: string;
    readonly Name: string;
    readonly TTL: string;
    readonly Status: "passing" | "warning" | "critical";
    readonly DeregisterCriticalServiceAfter: string;
  };
}

/**
 * Registers, or replaces what is registered under the same id. Its other checks, of which maintenance is one, are removed
 * or kept.
 */
export async function registerService(
  http: ConsulHttp,
  service: ServiceRegistration,
  otherChecks: "remove" | "keep",
  bounds: CallBounds = {},
): Promise<void> {
  const query: Record<string, string> = otherChecks === "remove" ? { "replace-existing-checks": "true" } : {};
  const reply = await http.request({ ...bounds, method: "PUT", path: "/agent/service/register", query, body: service });
  if (reply.status !== 200) throw refusal(http, `to register ${service.Name} as ${service.ID}`, reply);
}

/**
 * Whether somebody has taken an instance, or its whole node, out of service
 * (https://developer.hashicorp.com/consul/commands/maint). "unregistered": the agent does not know it; "unknown": it would
 * not say.
 */
export async function maintenanceOf(
  http: ConsulHttp,
  id: string,
  bounds: CallBounds = {},
): Promise<"on" | "off" | "unregistered" | "unknown"> {
  const path = `/agent/health/service/id/${encodeURIComponent(id)}`;
  const { status, text } = await http.request({ ...bounds, method: "GET", path });
  // The state is the answer's status (https://developer.hashicorp.com/consul/api-docs/agent/service#get-local-service-health).
  switch (status) {
    case 404:
      return "unregistered";
    case 200:
    case 429:
      return "off";
    case 503:
      return decodeReply(http, LocalHealth, text).AggregatedStatus === "maintenance" ? "on" : "off";
    default:
      return "unknown";
  }
}

const LocalHealth = z.object({ AggregatedStatus: z.string() });

/** Takes a service out; one that is not registered counts as taken out. */
export async function deregisterService(http: ConsulHttp, id: string, bounds: CallBounds = {}): Promise<void> {
  const path = `/agent/service/deregister/${encodeURIComponent(id)}`;
  const reply = await http.request({ ...bounds, method: "PUT", path });
  if (reply.status !== 200 && reply.status !== 404) throw refusal(http, `to deregister ${id}`, reply);
}

/** The heartbeat of a TTL check. "unknown": the agent has no such check, so what it belongs to must be registered again. */
export async function passCheck(
  http: ConsulHttp,
  checkId: string,
  bounds: CallBounds = {},
): Promise<"passed" | "unknown"> {
  const path = `/agent/check/pass/${encodeURIComponent(checkId)}`;
  const reply = await http.request({ ...bounds, method: "PUT", path });
  if (reply.status === 200) return "passed";
  if (isUnknownCheck(reply)) return "unknown";
  throw refusal(http, `the heartbeat of ${checkId}`, reply);
}

/** 1.8 answers 500 with a text of its own, later versions 404. */
function isUnknownCheck({ status, text }: ConsulReply): boolean {
  return status === 404 || (status === 500 && /does not have associated TTL|unknown check/i.test(text));
}
