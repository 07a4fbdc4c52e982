/**
 * How long until calls obey a change in the registry? Instances of a service come, fail their check, pass it again and
 * leave, in a cluster of three real Consul servers and a client agent, or in our agent, while a client calls the service all
 * the time:
 *
 *     npm run bench -- visible [--registry consul | agent] [--changes 200] [--rate 1000] [--json]
 *
 * Measured from just before the change is asked for, so with all that registering and leaving take, to the moment in which
 * the first call is sent that obeys it: one that the newcomer answers, or the first that could not go to who has left.
 * Fails when the 99th percentile of any kind of change is over the bound, or a call fails.
 */
import { parseArgs } from "node:util";
import { OpenLoop } from "../../services/demo/src/open-loop.ts";
import type { GreeterServiceClient } from "../../services/gen/greeter/v1/greeter.mesh.ts";
import { ConsulCluster } from "../support/consul-cluster.ts";
import { type Greeter, GreeterFleet } from "../support/greeter-fleet.ts";
import { versionOf } from "../support/consul-version.ts";
import { findConsul, sayNotRun } from "../support/real-consul.ts";
import { AgentProcess } from "./discovery/agent-process.ts";
import { UsageError } from "./usage-error.ts";

/** From a change in Consul to the first call that obeys it, on one host (DESIGN.md, budgets). */
const MAX_P99_MS = 50;
/** Fewer say nothing about a hundredth. */
const MIN_CHANGES = 100;
const DEFAULT_CHANGES = 200;
/** A call each millisecond, so that the measure is no coarser than that; more would keep Consul from its work. */
const DEFAULT_RATE = 1_000;
/** They stay: a client that sees everybody vanish at once may rightly doubt it. */
const RESIDENTS = ["1", "2"];
const CHANGE_WITHIN_MS = 30_000;
/** A view may take what has just gone for an aftermath of trouble; between rounds all is calm. */
const WARM_UP_ROUNDS = 3;

const KINDS = ["registration", "check fails", "check passes", "deregistration"] as const;
type Kind = (typeof KINDS)[number];

interface Figures {
  readonly change: Kind;
  readonly changes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      registry: { type: "string", default: "consul" },
      changes: { type: "string", default: String(DEFAULT_CHANGES) },
      rate: { type: "string", default: String(DEFAULT_RATE) },
      json: { type: "boolean", default: false },
    },
  });
  const changes = wholeNumber("--changes", values.changes, MIN_CHANGES);
  const rate = wholeNumber("--rate", values.rate, 1);
  const { registry } = values;
  if (registry !== "consul" && registry !== "agent") {
    throw new UsageError(`--registry is ${registry}: write consul or agent`);
  }
  const consul = findConsul();
  if (registry === "consul" && consul === undefined) {
    sayNotRun("change to visible");
    return;
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  const { figures, calls, failed } = await measure(await started(registry), changes, rate);
  const over = figures.filter(({ p99Ms }) => p99Ms > MAX_P99_MS);
  const of = registry === "agent" || consul === undefined ? "our agent" : `Consul ${versionOf(consul).text}`;
  if (values.json) console.log(JSON.stringify({ of, figures, calls, failed, maxP99Ms: MAX_P99_MS }, undefined, 2));
  else print(of, figures, calls, failed);
  for (const { change, p99Ms } of over)
    console.error(`${change}: p99 is ${p99Ms.toFixed(1)} ms, over ${MAX_P99_MS} ms`);
  if (over.length > 0 || failed > 0) process.exitCode = 1;
}

interface Measured {
  readonly figures: readonly Figures[];
  readonly calls: number;
  readonly failed: number;
}

interface Registry {
  readonly url: string;
  put(path: string): Promise<unknown>;
  close(): Promise<void>;
}

async function started(kind: "consul" | "agent"): Promise<Registry> {
  if (kind === "agent") return AgentProcess.start();
  const cluster = await ConsulCluster.start();
  return { url: cluster.agent.url, put: (path) => cluster.agent.put(path), close: () => cluster.close() };
}

async function measure(registry: Registry, changes: number, rate: number): Promise<Measured> {
  const fleet = new GreeterFleet({ url: registry.url });
  try {
    const residents = await Promise.all(RESIDENTS.map((name) => fleet.start(name)));
    const client = fleet.client({ balancing: "round_robin" });
    await client.sayHello({ name: "Ada" });
    await fleet.when(() => residents.every((one) => fleet.sees(one)), AbortSignal.timeout(CHANGE_WITHIN_MS));
    const calls = new Calls(client, rate);
    const took: Record<Kind, number[]> = {
      registration: [],
      "check fails": [],
      "check passes": [],
      deregistration: [],
    };
    const unmeasured: typeof took = { registration: [], "check fails": [], "check passes": [], deregistration: [] };
    for (let round = 0; round < WARM_UP_ROUNDS; round++)
      await oneRound(registry, fleet, calls, `warm-${round}`, unmeasured);
    for (let round = 0; round < changes; round++) await oneRound(registry, fleet, calls, `guest-${round}`, took);
    await calls.stop();
    return { figures: KINDS.map((kind) => figuresOf(kind, took[kind])), calls: calls.sent, failed: calls.failed };
  } finally {
    await fleet.close();
    await registry.close();
  }
}

/** One instance's life: it comes, falls ill, gets well, and leaves. */
async function oneRound(
  registry: Registry,
  fleet: GreeterFleet,
  calls: Calls,
  name: string,
  took: Record<Kind, number[]>,
): Promise<void> {
  const signal = AbortSignal.timeout(CHANGE_WITHIN_MS);
  const note = (kind: Kind, changedAt: number, obeyedAt: number): void => void took[kind].push(obeyedAt - changedAt);
  const goneFrom = async (greeter: Greeter): Promise<number> => {
    await fleet.when(() => !fleet.sees(greeter), signal);
    return calls.nextSent();
  };
  const id = `greeter-${name}`;

  let changedAt = performance.now();
  let answered = calls.firstAnsweredBy(id);
  const guest = await fleet.start(name);
  note("registration", changedAt, await answered);

  changedAt = performance.now();
  await Promise.all([
    registry.put(`/v1/agent/check/fail/service:${id}`),
    goneFrom(guest).then((obeyedAt) => note("check fails", changedAt, obeyedAt)),
  ]);

  changedAt = performance.now();
  answered = calls.firstAnsweredBy(id);
  await registry.put(`/v1/agent/check/pass/service:${id}`);
  note("check passes", changedAt, await answered);

  changedAt = performance.now();
  const left = guest.leave();
  note("deregistration", changedAt, await goneFrom(guest));
  await left;
}

/** The calls of the client, each sent when it is due. */
class Calls {
  readonly #loop: OpenLoop;
  readonly #open = new Set<Promise<void>>();
  readonly #sendListeners = new Set<(sentAt: number) => void>();
  readonly #answerListeners = new Map<string, (sentAt: number) => void>();
  failed = 0;

  constructor(client: GreeterServiceClient, rate: number) {
    this.#loop = new OpenLoop({
      rate,
      send: () => {
        const call = this.#call(client).finally(() => this.#open.delete(call));
        this.#open.add(call);
      },
    });
  }

  get sent(): number {
    return this.#loop.sent;
  }

  /** Resolves with the time at which the next call is sent. */
  nextSent(): Promise<number> {
    return new Promise((resolve) => this.#sendListeners.add(resolve));
  }

  /** Resolves with the time at which the first call was sent that an instance answers from now on. */
  firstAnsweredBy(instance: string): Promise<number> {
    return new Promise((resolve) => this.#answerListeners.set(instance, resolve));
  }

  async stop(): Promise<void> {
    this.#loop.stop();
    await Promise.all(this.#open);
  }

  async #call(client: GreeterServiceClient): Promise<void> {
    const sentAt = performance.now();
    for (const listener of this.#sendListeners) listener(sentAt);
    this.#sendListeners.clear();
    try {
      const { instance } = await client.sayHello({ name: "Ada" });
      this.#answerListeners.get(instance)?.(sentAt);
      this.#answerListeners.delete(instance);
    } catch (error) {
      this.failed++;
      console.error(`call failed: ${String(error)}`);
    }
  }
}

function figuresOf(change: Kind, took: readonly number[]): Figures {
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? NaN;
  return { change, changes: took.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

function print(of: string, figures: readonly Figures[], calls: number, failed: number): void {
  console.log(
    `${"change".padEnd(16)}${["changes", "p50 ms", "p99 ms", "max ms"].map((name) => name.padStart(9)).join("")}`,
  );
  for (const { change, changes, p50Ms, p99Ms, maxMs } of figures) {
    const times = [p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1).padStart(9)).join("");
    console.log(`${change.padEnd(16)}${String(changes).padStart(9)}${times}`);
  }
  console.log(`${of}: ${calls} calls, ${failed} failed; wanted: p99 within ${MAX_P99_MS} ms, no call failed`);
}

function wholeNumber(option: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least) return number;
  throw new UsageError(`${option} is ${text}: write a whole number, ${least} or more`);
}
