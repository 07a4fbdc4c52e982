/**
 * Plays one scenario: a cluster, greeters and a client of its own; load from before the fault until well after it. What
 * is asked at the end is the same for all: did a call fail, was an instance lost that was well, is the registry obeyed
 * again, both ways?
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { GreeterServiceClient } from "../../services/gen/greeter/v1/greeter.mesh.ts";
import { ConsulCluster } from "../support/consul-cluster.ts";
import { type Greeter, GreeterFleet } from "../support/greeter-fleet.ts";
import { UnkindProxy } from "../support/unkind-proxy.ts";
import { Load } from "./load.ts";
import type { Length, Outcome, Scenario, Scene } from "./scenario.ts";
import { policedToken } from "./policed-token.ts";

export interface RunOptions {
  readonly length: Length;
  /** Which of the scenarios that are played beside each other, from 0. */
  readonly lane: number;
  /** Told what happens, as it does. */
  readonly tell: (line: string) => void;
}

const GREETERS = ["1", "2", "3"];
/**
 * Between their starts. Heartbeats go every 3.3 s; those of processes that started at different times are spread over
 * that, so that checks run out one after the other and not all at once.
 */
const STAGGER_MS = 1_100;
/** Calls a second. */
const RATE = 200;
/** Before the fault, so that connections are warm and every greeter has answered. */
const CALM_MS = 1_000;
/** After recovery: a view that waits for the return of endpoints gives them up in this time. */
const AFTERMATH_MS = 8_000;
/** Consul's own repair (anti-entropy) has to fit in, once a minute at the latest; ours takes seconds. */
const RECOVERS_WITHIN_MS = 90_000;
/** From the departure of an instance to a view without it, once all is well. */
const OBEYED_WITHIN_MS = 30_000;
/** Of each greeter while the last calls are made, so that one that is listed but never called is found. */
const LAST_ANSWER_WITHIN_MS = 5_000;
const NEWCOMER = "newcomer";

export async function runScenario(scenario: Scenario, options: RunOptions): Promise<Outcome> {
  const cluster = await ConsulCluster.start({ access: scenario.access ?? "open", lane: options.lane });
  const proxy = new UnkindProxy(cluster.agent.address, cluster.agent.httpPort);
  const folder = await mkdtemp(join(tmpdir(), "mesh-chaos-"));
  let fleet: GreeterFleet | undefined;
  try {
    const url = scenario.way === "proxy" ? await proxy.listen() : cluster.agent.url;
    const access = scenario.access === "deny" ? policedToken(cluster) : undefined;
    await access?.grant();
    fleet = new GreeterFleet({ url, ...(access === undefined ? {} : { token: access.token }) });
    return await play(scenario, { cluster, proxy, fleet, access, folder }, options);
  } finally {
    await fleet?.close();
    await proxy.close();
    await cluster.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function play(
  scenario: Scenario,
  parts: Omit<Scene, "signal" | "underLoad">,
  { length, tell }: RunOptions,
): Promise<Outcome> {
  const { fleet } = parts;
  const brokenMs = scenario.lasts[length];
  const limitMs = brokenMs + recoversWithinMs(scenario) + OBEYED_WITHIN_MS + AFTERMATH_MS + CALM_MS;
  const loads: Load[] = [];
  const underLoad = (client: GreeterServiceClient): Load => {
    const load = new Load(client, RATE);
    loads.push(load);
    return load;
  };
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(limitMs + STAGGER_MS * GREETERS.length)]);
  const scene: Scene = { ...parts, underLoad, signal };
  const greeters: Greeter[] = [];
  for (const name of GREETERS) {
    greeters.push(await fleet.start(name));
    await delay(STAGGER_MS);
  }
  // In turn, so that whoever is listed is called: a policy that looks for the fastest may do without one for a while.
  const client = fleet.client({ balancing: "round_robin" });
  // Whoever watches nothing yet has no view.
  await client.sayHello({ name: "Ada" });
  await fleet.when(() => greeters.every((greeter) => fleet.sees(greeter)), AbortSignal.timeout(OBEYED_WITHIN_MS));
  await scenario.prepare?.(scene);
  const load = underLoad(client);
  const startedAt = performance.now();
  const faults: string[] = [];
  let recoveryMs: number | undefined;
  try {
    await delay(CALM_MS);
    await scenario.break(scene);
    await scenario.prove(scene);
    tell(`broken, for ${(brokenMs / 1_000).toFixed(0)} s`);
    await delay(brokenMs);
    const mendedAt = performance.now();
    const newcomer = await recover(scenario, scene, load);
    recoveryMs = performance.now() - mendedAt;
    tell(`recovered after ${recoveryMs.toFixed(0)} ms`);
    await scenario.after?.(scene);
    await delay(AFTERMATH_MS);
    await depart(newcomer, scene, faults);
    await Promise.all(greeters.map(({ id }) => load.nextAnswerOf(id, AbortSignal.timeout(LAST_ANSWER_WITHIN_MS))));
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error));
  }
  over.abort();
  await Promise.all(loads.map((one) => one.stop()));
  const [calls, failed] = [sum(loads, ({ sent }) => sent), sum(loads, (one) => one.failed)];
  const into = (at: number): string => `${((at - startedAt) / 1_000).toFixed(1)} s`;
  if (failed > 0) faults.push(`${failed} of ${calls} calls failed`);
  for (const { failures } of loads)
    faults.push(...failures.map(({ at, message }) => `call failed after ${into(at)}: ${message}`));
  faults.push(...fleet.evictions.map(({ id, at }) => `${id} was well and left the view after ${into(at)}`));
  const slowestMs = Math.max(...loads.map((one) => one.slowestMs));
  const evicted = fleet.evictions.length;
  return { name: scenario.name, brokenMs, calls, failed, evicted, slowestMs, recoveryMs, faults };
}

function recoversWithinMs({ consulNeedsMs = 0 }: Scenario): number {
  return consulNeedsMs + RECOVERS_WITHIN_MS;
}

function sum(loads: readonly Load[], of: (load: Load) => number): number {
  return loads.reduce((total, load) => total + of(load), 0);
}

/** Mends, and waits until somebody who registers now is called. */
async function recover(scenario: Scenario, scene: Scene, load: Load): Promise<Greeter> {
  const signal = AbortSignal.any([scene.signal, AbortSignal.timeout(recoversWithinMs(scenario))]);
  const answered = load.nextAnswerOf(`greeter-${NEWCOMER}`, signal);
  // It is awaited last; until then its failure is nobody's to handle.
  answered.catch(() => {});
  const mended = Promise.resolve(scenario.mend(scene));
  const newcomer = await scene.fleet.startStubbornly(NEWCOMER, signal);
  await mended;
  await answered;
  await scenario.recovered?.(scene);
  return newcomer;
}

/** An outage that is over must not leave a view that believes nobody who leaves. */
async function depart(newcomer: Greeter, { fleet }: Scene, faults: string[]): Promise<void> {
  await newcomer.leave();
  await fleet
    .when(() => !fleet.sees(newcomer), AbortSignal.timeout(OBEYED_WITHIN_MS))
    .catch(() => faults.push(`${newcomer.id} has left and is in the view ${OBEYED_WITHIN_MS} ms later`));
}
