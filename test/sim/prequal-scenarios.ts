/** Scenarios after Prequal's testbed (Wydrowski et al., NSDI 2024, section 5): servers that share machines with others. */
import { prequal } from "../../sdk/src/balancing/prequal.ts";
import { COMMON, options, SECOND, serversOf } from "./common.ts";
import { normal } from "./distributions.ts";
import type { Recording } from "./recording.ts";
import { defineScenario, type Figures, type Parameter, type Policies, type Scenario } from "./scenario.ts";
import { Simulation } from "./simulation.ts";

/** The paper's steps of load, of what servers are allocated: each a ninth more than the one before. */
export const RAMP = [0.75, 0.83, 0.93, 1.03, 1.14, 1.27, 1.41, 1.57, 1.74] as const;
/** Of each step, seconds in which queues of the step before go. */
const SETTLING_SECONDS = 3;
/** Q_RIF, from calls in flight alone to latency alone. */
export const Q_RIF = [0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.84, 0.9, 0.95, 0.99, 0.999, 1] as const;

const TESTBED = {
  ...COMMON,
  clients: { value: 50, about: COMMON.clients.about },
  qps: { value: 0, about: "calls per second; 0: as many as the load says" },
  servers: { value: 50, about: "servers" },
  cores: { value: 4, about: "cores of a server" },
  load: { value: 0.85, about: "share of what the servers can do on average" },
  crowded: { value: 0.4, about: "share of servers that have antagonists" },
  workMs: { value: 80, about: "milliseconds of a call's work: normal with this for mean and deviation, cut at 0" },
  everySecond: { value: 1, about: "seconds between changes of antagonists" },
  warmupSeconds: { value: 10, about: "seconds before calls count" },
  seconds: { value: 40, about: COMMON.seconds.about },
  sloMs: { value: 1_000, about: "milliseconds within which calls should succeed" },
} as const satisfies Readonly<Record<string, Parameter>>;

type Testbed = Readonly<Record<keyof typeof TESTBED, Parameter>>;

function antagonists(about: string, parameters: Testbed, policies?: Policies): Scenario {
  return defineScenario(
    about,
    parameters,
    (settings, { policy, random, fate }) => {
      const { servers: count, cores, load, crowded, workMs } = settings;
      // Half of the time a crowded server has all of its capacity, else 30 to 60 % of it.
      const share = 1 - crowded + crowded * (0.5 + 0.5 * 0.45);
      const sustained = (count * cores * share * SECOND) / (workMs * MEAN_OF_CUT_NORMAL);
      const qps = settings.qps > 0 ? settings.qps : load * sustained;
      const simulation = new Simulation({
        ...options({ ...settings, qps }),
        policy,
        random,
        workMs: () => cutNormal(fate, workMs),
        warmupMs: settings.warmupSeconds * SECOND,
      });
      const servers = serversOf(simulation, count, cores);
      simulation.showAll(servers);
      const change = (): void => {
        for (const server of servers.slice(0, crowded * count)) server.setShare(fate() < 0.5 ? 0.3 + 0.3 * fate() : 1);
        simulation.agenda.setTimer(change, settings.everySecond * SECOND);
      };
      change();
      return { simulation, servers, sloMs: settings.sloMs, onsetMs: settings.warmupSeconds * SECOND };
    },
    policies,
  );
}

export const prequalScenarios: Readonly<Record<string, Scenario>> = {
  antagonists: antagonists(
    "clients call servers of which some share their machines with others (after Prequal's testbed, NSDI 2024)",
    TESTBED,
  ),

  ramp: defineScenario(
    "load grows in nine steps from 0.75 to 1.74 times what servers are allocated; some machines have no more than that",
    {
      ...COMMON,
      clients: { value: 100, about: COMMON.clients.about },
      qps: { value: 0, about: "calls per second; 0: as many as the steps say" },
      servers: { value: 100, about: "servers" },
      cores: { value: 4, about: "cores that a server can have where its machine is idle, of which one is its own" },
      crowded: { value: 0.5, about: "share of machines whose antagonists leave a server only its own core" },
      workMs: { value: 80, about: "milliseconds of a call's work: normal with this for mean and deviation, cut at 0" },
      everySecond: { value: 5, about: "seconds between changes of which machines these are" },
      seconds: { value: 90, about: COMMON.seconds.about },
      sloMs: { value: 1_000, about: "milliseconds within which calls should succeed" },
    },
    (settings, { policy, random, fate }) => {
      const { servers: count, cores, crowded, everySecond, qps, seconds, workMs } = settings;
      const allocated = (count * SECOND) / (workMs * MEAN_OF_CUT_NORMAL);
      const stepMs = (seconds * SECOND) / RAMP.length;
      const stepAt = (nowMs: number): number => RAMP[Math.min(RAMP.length - 1, Math.floor(nowMs / stepMs))] as number;
      const simulation = new Simulation({
        ...options(settings),
        callsPerSecond: (nowMs) => (qps > 0 ? qps : allocated * stepAt(nowMs)),
        policy,
        random,
        workMs: () => cutNormal(fate, workMs),
      });
      const servers = serversOf(simulation, count, cores);
      simulation.showAll(servers);
      const change = (): void => {
        for (const server of servers) server.setShare(fate() < crowded ? 1 / cores : 1);
        simulation.agenda.setTimer(change, everySecond * SECOND);
      };
      change();
      const figures = (recording: Recording): Figures =>
        Object.fromEntries(
          RAMP.flatMap((step, at) => {
            const from = Math.ceil((at * stepMs) / SECOND + Math.min(SETTLING_SECONDS, seconds / RAMP.length / 2));
            const { errorRate, p99Ms } = recording.between(from, Math.floor(((at + 1) * stepMs) / SECOND));
            return [
              [`p99Ms at ${step}`, p99Ms],
              [`errorRate at ${step}`, errorRate],
            ];
          }),
        );
      return { simulation, servers, sloMs: settings.sloMs, onsetMs: 0, figures };
    },
  ),

  qrif: antagonists(
    "the same at 75 % load, for values of Prequal's Q_RIF: from calls in flight alone to latency alone",
    { ...TESTBED, load: { ...TESTBED.load, value: 0.75 } },
    Object.fromEntries(Q_RIF.map((hotQuantile) => [`Q_RIF ${hotQuantile}`, prequal({ hotQuantile })])),
  ),
};

/** Of a normal distribution with mean and deviation 1, where what is not positive is drawn again. */
const MEAN_OF_CUT_NORMAL = 1.2876;

function cutNormal(chance: () => number, mean: number): number {
  let drawn = normal(chance, mean, mean);
  while (drawn <= 0) drawn = normal(chance, mean, mean);
  return drawn;
}
