/** Services and checks to register, with only what a test cares about spelled out. */
import { createAgentState, type AgentState } from "../../../agent/src/agent-state.ts";
import type { CheckSpec, Service } from "../../../agent/src/state/service.ts";
import { ManualClock } from "./manual-clock.ts";

export function service(name: string, more: Partial<Service> = {}): Service {
  return {
    id: name,
    name,
    tags: [],
    meta: {},
    address: "127.0.0.1",
    port: 1,
    taggedAddresses: {},
    weights: { passing: 1, warning: 1 },
    enableTagOverride: false,
    connectNative: false,
    ...more,
  };
}

export function ttl(ttlMs: number, more: Partial<CheckSpec> = {}): CheckSpec {
  return { id: "", name: "", notes: "", ttlMs, status: "passing", deregisterAfterMs: 0, ...more };
}

/** The state of an agent without its HTTP side. */
export function agentState(): AgentState & { readonly clock: ManualClock } {
  const clock = new ManualClock();
  const node = { id: "n", name: "laptop", datacenter: "dc1", address: "127.0.0.1", port: 8500 };
  return { ...createAgentState(node, clock, () => 0.5), clock };
}
