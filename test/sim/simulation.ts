/**
 * Clients that call servers through shipped balancers, in virtual time. What a client does here is what the attempt engine
 * does with a call: it picks and counts in one step, tells the balancer how the attempt ended, and retries by the shipped
 * rules and budget.
 */
import { type AttemptEnd, Balancer, type BalancerOptions } from "../../sdk/src/balancing/balancer.ts";
import { EndpointState } from "../../sdk/src/balancing/endpoint-state.ts";
import type { PickPolicyFactory } from "../../sdk/src/balancing/pick-policy.ts";
import { RetryBudget } from "../../sdk/src/resilience/retry-budget.ts";
import { Agenda } from "./agenda.ts";
import { Recording } from "./recording.ts";
import type { SimServer } from "./server.ts";

export interface SimulationOptions {
  readonly policy: PickPolicyFactory;
  readonly random: () => number;
  readonly clients: number;
  /** Calls of all clients together at a time, which arrive at random (Poisson). */
  readonly callsPerSecond: (nowMs: number) => number;
  /** What a call would take alone on a core. */
  readonly workMs: () => number;
  /** One way between a client and a server. */
  readonly networkMs: number;
  readonly deadlineMs: number;
  /** Attempts after the first, bounded by the budget; 0 for none. */
  readonly retries: number;
  /** How long a probe may take before it is forgotten. */
  readonly probeTimeoutMs: number;
  /** What is put around the policy. Default: nothing, so that policies are compared and not their guards. */
  readonly around?: Pick<BalancerOptions, "outliers" | "slowStart" | "zone">;
  /** Calls that begin before are not recorded. */
  readonly warmupMs: number;
  readonly durationMs: number;
}

const NO_HASH = { hash: undefined };
const NOBODY: readonly EndpointState[] = [];

class Client {
  readonly balancer: Balancer;
  readonly budget: RetryBudget;
  readonly states = new Map<EndpointState, SimServer>();

  constructor(balancer: Balancer, budget: RetryBudget) {
    this.balancer = balancer;
    this.budget = budget;
  }
}

export class Simulation {
  readonly agenda = new Agenda();
  readonly recording: Recording;
  readonly clients: Client[] = [];
  readonly #options: SimulationOptions;
  readonly #end: AttemptEnd = { durationMs: 0, verdict: "success", pushbackMs: 0 };

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.recording = new Recording(options.warmupMs);
    const { policy, random, around } = options;
    for (let at = 0; at < options.clients; at++) {
      const probe = (state: EndpointState): void => this.#probe(client, state);
      const client = new Client(
        new Balancer({ ...around, policy, clock: this.agenda, random, probe }),
        new RetryBudget({ clock: this.agenda }),
      );
      this.clients.push(client);
    }
  }

  /** What a client's directory tells it. */
  show(client: Client, servers: readonly SimServer[]): void {
    const known = new Map([...client.states].map(([state, server]) => [server, state]));
    client.states.clear();
    for (const server of servers) client.states.set(known.get(server) ?? new EndpointState(server.endpoint), server);
    client.balancer.update([...client.states.keys()]);
  }

  showAll(servers: readonly SimServer[]): void {
    for (const client of this.clients) this.show(client, servers);
  }

  run(): Recording {
    const { durationMs, deadlineMs } = this.#options;
    this.#arrive();
    this.agenda.runUntil(durationMs + 2 * deadlineMs);
    return this.recording;
  }

  #arrive(): void {
    const { random, callsPerSecond, durationMs, clients } = this.#options;
    const now = this.agenda.now();
    const nextMs = (-Math.log(1 - random()) * 1_000) / callsPerSecond(now);
    if (now + nextMs < durationMs) this.agenda.setTimer(() => this.#arrive(), nextMs);
    if (now > 0) this.#call(this.clients[Math.floor(random() * clients)] as Client);
  }

  #call(client: Client): void {
    client.budget.deposit();
    this.#attempt(client, this.agenda.now(), this.#options.workMs(), NOBODY);
  }

  #attempt(client: Client, begunMs: number, workMs: number, tried: readonly EndpointState[]): void {
    const { networkMs, deadlineMs, retries } = this.#options;
    const { agenda } = this;
    const state = client.balancer.pick(NO_HASH, tried);
    const server = state && client.states.get(state);
    if (state === undefined || server === undefined) {
      this.recording.ended(begunMs, agenda.now() - begunMs, "unavailable", undefined);
      return;
    }
    state.started();
    const startedMs = agenda.now();
    let giveUp = (): void => {};
    const end = (verdict: "success" | "failure", why: "ok" | "failed" | "late"): void => {
      const now = agenda.now();
      this.#end.durationMs = now - startedMs;
      this.#end.verdict = verdict;
      client.balancer.ended(state, this.#end);
      const all = [...tried, state];
      if (why === "failed" && all.length <= retries && now - begunMs < deadlineMs && client.budget.tryWithdraw()) {
        this.#attempt(client, begunMs, workMs, all);
      } else this.recording.ended(begunMs, now - begunMs, why, server);
    };
    const late = agenda.setTimer(
      () => {
        giveUp();
        end("failure", "late");
      },
      deadlineMs - (startedMs - begunMs),
    );
    const answered = (ok: boolean): void => {
      const report = server.report;
      const back = agenda.setTimer(() => {
        late.cancel();
        client.balancer.reported(state, report);
        end(ok ? "success" : "failure", ok ? "ok" : "failed");
      }, networkMs);
      giveUp = () => back.cancel();
    };
    const arriving = agenda.setTimer(() => {
      giveUp = server.take(workMs, answered);
    }, networkMs);
    giveUp = () => arriving.cancel();
  }

  #probe(client: Client, state: EndpointState): void {
    const server = client.states.get(state);
    const { networkMs, probeTimeoutMs } = this.#options;
    if (server === undefined || 2 * networkMs > probeTimeoutMs) return;
    this.agenda.setTimer(() => {
      const { report } = server;
      this.agenda.setTimer(() => client.balancer.reported(state, report), networkMs);
    }, networkMs);
  }
}
