/** Services and checks to register, with only what a test cares about spelled out. */
import { createAgentState, type AgentState } from "../../../agent/src/agent-state.ts";
import type { Probe, ProbeSignals } from "../../../agent/src/checks/probe.ts";
import type { Outcome } from "../../../agent/src/checks/running-check.ts";
import type { CheckMethod, CheckSpec, PolledMethod } from "../../../agent/src/state/check-spec.ts";
import type { Service } from "../../../agent/src/state/service.ts";
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

export function check(method: CheckMethod, more: Partial<CheckSpec> = {}): CheckSpec {
  return { id: "", name: "", notes: "", status: "passing", deregisterAfterMs: 0, maxOutputBytes: 0, ...more, method };
}

export function ttl(ttlMs: number, more: Partial<CheckSpec> = {}): CheckSpec {
  return check({ kind: "ttl", ttlMs }, more);
}

export function polled(intervalMs: number, more: Partial<PolledMethod> = {}): PolledMethod {
  const target = { kind: "tcp", address: "127.0.0.1:1" } as const;
  const thresholds = { successBeforePassing: 0, failuresBeforeCritical: 0 };
  return { kind: "tcp", target, intervalMs, timeoutMs: 10_000, ...thresholds, ...more };
}

/** The state of an agent without its HTTP side. Its node is `laptop`; chance always gives one half. */
export function agentState(probe?: Probe): AgentState & { readonly clock: ManualClock } {
  const clock = new ManualClock();
  const node = { id: nodeId, name: "laptop", datacenter: "dc1", address: "127.0.0.1", port: 8500 };
  return { ...createAgentState(node, clock, () => 0.5, probe), clock };
}

export const nodeId = "11111111-2222-3333-4444-555555555555";

/** Attempts that wait until the test ends them. */
export class ProbeDesk {
  readonly #open: { readonly end: (outcome: Outcome) => void; readonly signals: ProbeSignals }[] = [];
  started = 0;

  readonly probe: Probe = (_target, signals) => {
    this.started += 1;
    const { promise, resolve, reject } = withResolvers();
    signals.timeout.addEventListener("abort", () => reject(new Error("too slow")));
    this.#open.push({ end: resolve, signals });
    return promise;
  };

  /** Ends the oldest attempt and lets the check hear of it. */
  async end(status: Outcome["status"], output = ""): Promise<void> {
    this.#open.shift()?.end({ status, output });
    await settled();
  }

  get oldest(): ProbeSignals {
    return this.#open[0]!.signals;
  }
}

/** Lets promises that are already decided tell everybody. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

interface Resolvers {
  readonly promise: Promise<Outcome>;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

function withResolvers(): Resolvers {
  let resolve!: Resolvers["resolve"];
  let reject!: Resolvers["reject"];
  const promise = new Promise<Outcome>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
