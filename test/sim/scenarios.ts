/** The scenarios by name, with where they come from. Every figure of theirs is a parameter. */
import { defineScenario, type Scenario } from "./scenario.ts";
import { SimServer } from "./server.ts";
import { Simulation } from "./simulation.ts";
import { exponential, lognormal, normal } from "./distributions.ts";

const SECOND = 1_000;

/** What most scenarios share. */
const COMMON = {
  clients: { value: 1, about: "clients" },
  qps: { value: 1_000, about: "calls per second of all clients together" },
  networkMs: { value: 0.25, about: "milliseconds on the way, each way" },
  deadlineMs: { value: 5_000, about: "milliseconds that a call may take" },
  retries: { value: 0, about: "attempts after a failed one, within the budget" },
  seconds: { value: 60, about: "how long calls are made" },
} as const;

interface CommonSettings {
  readonly clients: number;
  readonly qps: number;
  readonly networkMs: number;
  readonly deadlineMs: number;
  readonly retries: number;
  readonly seconds: number;
}

function options({ clients, qps, networkMs, deadlineMs, retries, seconds }: CommonSettings) {
  return {
    clients,
    callsPerSecond: () => qps,
    networkMs,
    deadlineMs,
    retries,
    probeTimeoutMs: 3,
    warmupMs: 0,
    durationMs: seconds * SECOND,
  };
}

function serversOf(simulation: Simulation, count: number, cores: number): SimServer[] {
  return Array.from({ length: count }, (_, at) => new SimServer(simulation.agenda, { id: `s${at}`, cores }));
}

/** What Finagle's simulations have in common (balancersim: 1,250 calls a second to 10 backends for 45 s). */
const FINAGLE = {
  ...COMMON,
  qps: { value: 1_250, about: COMMON.qps.about },
  seconds: { value: 45, about: COMMON.seconds.about },
  servers: { value: 10, about: "servers" },
  workMs: { value: 40, about: "median milliseconds of a call's work; log-normal" },
  spread: { value: 0.6, about: "sigma of the logarithm of a call's work" },
  sloMs: { value: 500, about: "milliseconds within which calls should succeed" },
} as const;

function finagle(
  about: string,
  upset: (servers: readonly SimServer[], at: (second: number, happen: () => void) => void, fate: () => number) => void,
  onsetSecond: number,
): Scenario {
  return defineScenario(about, FINAGLE, (settings, { policy, random, fate }) => {
    const simulation = new Simulation({
      ...options(settings),
      policy,
      random,
      workMs: () => lognormal(fate, settings.workMs, settings.spread),
    });
    const servers = serversOf(simulation, settings.servers, Infinity);
    simulation.showAll(servers);
    upset(servers, (second, happen) => void simulation.agenda.setTimer(happen, second * SECOND), fate);
    return { simulation, servers, sloMs: settings.sloMs, onsetMs: onsetSecond * SECOND };
  });
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  buoyant: defineScenario(
    "11 servers answer in 167 ms, one of them in 2 s for half a minute (Buoyant, Beyond Round Robin, 2016)",
    {
      ...COMMON,
      servers: { value: 11, about: "servers" },
      slow: { value: 1, about: "servers of them that turn slow" },
      workMs: { value: 167, about: "milliseconds that an answer takes, give or take 5" },
      slowMs: { value: 2_000, about: "milliseconds that an answer of a slow server takes" },
      fromSecond: { value: 15, about: "when servers turn slow" },
      toSecond: { value: 45, about: "when they are well again" },
      sloMs: { value: 1_000, about: "milliseconds within which calls should succeed" },
    },
    (settings, { policy, random, fate }) => {
      const { workMs, slowMs } = settings;
      const simulation = new Simulation({
        ...options(settings),
        policy,
        random,
        workMs: () => workMs - 5 + 10 * fate(),
      });
      const servers = serversOf(simulation, settings.servers, Infinity);
      simulation.showAll(servers);
      for (const server of servers.slice(0, settings.slow)) {
        simulation.agenda.setTimer(() => server.setSlowness(slowMs / workMs), settings.fromSecond * SECOND);
        simulation.agenda.setTimer(() => server.setSlowness(1), settings.toSecond * SECOND);
      }
      return { simulation, servers, sloMs: settings.sloMs, onsetMs: settings.fromSecond * SECOND };
    },
  ),

  sinkhole: defineScenario(
    "1 of 10 servers fails at once, and looks like the fastest of all",
    {
      ...COMMON,
      seconds: { value: 30, about: COMMON.seconds.about },
      servers: { value: 10, about: "servers" },
      bad: { value: 1, about: "servers of them that fail" },
      share: { value: 1, about: "share of their calls that fails" },
      failMs: { value: 1, about: "milliseconds until a failure is answered" },
      workMs: { value: 50, about: "mean milliseconds of a call's work, give or take a tenth" },
      fromSecond: { value: 0, about: "when they begin to fail" },
      sloMs: { value: 1_000, about: "milliseconds within which calls should succeed" },
    },
    (settings, { policy, random, fate }) => {
      const simulation = new Simulation({
        ...options(settings),
        policy,
        random,
        workMs: () => settings.workMs * (0.9 + 0.2 * fate()),
      });
      const servers = serversOf(simulation, settings.servers, Infinity);
      simulation.showAll(servers);
      for (const server of servers.slice(0, settings.bad)) {
        const fail = (): void => server.setFailing(settings.share, settings.failMs, fate);
        simulation.agenda.setTimer(fail, settings.fromSecond * SECOND);
      }
      return { simulation, servers, sloMs: settings.sloMs, onsetMs: settings.fromSecond * SECOND };
    },
  ),

  antagonists: defineScenario(
    "clients call servers of which some share their machines with others (after Prequal's testbed, NSDI 2024)",
    {
      ...COMMON,
      clients: { value: 50, about: COMMON.clients.about },
      servers: { value: 50, about: "servers" },
      cores: { value: 4, about: "cores of a server" },
      load: { value: 0.85, about: "share of what the servers can do on average" },
      crowded: { value: 0.4, about: "share of servers that have antagonists" },
      workMs: { value: 80, about: "milliseconds of a call's work: normal with this for mean and deviation, cut at 0" },
      everySecond: { value: 1, about: "seconds between changes of antagonists" },
      warmupSeconds: { value: 10, about: "seconds before calls count" },
      seconds: { value: 40, about: COMMON.seconds.about },
      sloMs: { value: 1_000, about: "milliseconds within which calls should succeed" },
    },
    (settings, { policy, random, fate }) => {
      const { servers: count, cores, load, crowded, workMs } = settings;
      // Half of the time a crowded server has all of its capacity, else 30 to 60 % of it.
      const share = 1 - crowded + crowded * (0.5 + 0.5 * 0.45);
      const qps = (load * count * cores * share * SECOND) / (workMs * MEAN_OF_CUT_NORMAL);
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
  ),

  coldstart: finagle(
    "every server is slow at first and warms up over 10 s (Finagle's balancersim)",
    (servers, at) => {
      for (const server of servers) {
        server.setSlowness(10);
        for (let second = 1; second <= 10; second++) at(second, () => server.setSlowness(10 - 0.9 * second));
      }
    },
    0,
  ),

  slowmiddle: finagle(
    "one server is 10 times slower from the 15th to the 45th second (Finagle's balancersim)",
    ([server], at) => {
      at(15, () => server?.setSlowness(10));
      at(45, () => server?.setSlowness(1));
    },
    15,
  ),

  temporaryfailure: finagle(
    "one server fails all calls from the 10th to the 25th second (Finagle's balancersim)",
    ([server], at, fate) => {
      at(10, () => server?.setFailing(1, 1, fate));
      at(25, () => server?.setFailing(0, 1, fate));
    },
    10,
  ),

  permanentfailure: finagle(
    "one server fails all calls from the 10th second on (Finagle's balancersim)",
    ([server], at, fate) => at(10, () => server?.setFailing(1, 1, fate)),
    10,
  ),

  rolling: defineScenario(
    "every server is replaced by a fresh one, one after another, and drains meanwhile",
    {
      ...COMMON,
      servers: { value: 10, about: "servers" },
      cores: { value: 4, about: "cores of a server" },
      workMs: { value: 20, about: "mean milliseconds of a call's work; exponential" },
      everySecond: { value: 4, about: "seconds between replacements" },
      coldFactor: { value: 3, about: "how much slower a fresh server is" },
      coldSeconds: { value: 5, about: "seconds until it is not" },
      noticeMs: { value: 20, about: "milliseconds until clients hear of a change" },
      sloMs: { value: 500, about: "milliseconds within which calls should succeed" },
    },
    (settings, { policy, random, fate }) => {
      const simulation = new Simulation({
        ...options(settings),
        policy,
        random,
        workMs: () => exponential(fate, settings.workMs),
      });
      const { agenda } = simulation;
      const all = serversOf(simulation, settings.servers * 2, settings.cores);
      let current = all.slice(0, settings.servers);
      simulation.showAll(current);
      for (let turn = 0; turn < settings.servers; turn++) {
        const fresh = all[settings.servers + turn] as SimServer;
        agenda.setTimer(
          () => {
            fresh.setSlowness(settings.coldFactor);
            agenda.setTimer(() => fresh.setSlowness(1), settings.coldSeconds * SECOND);
            current = [...current.slice(1), fresh];
            agenda.setTimer(() => simulation.showAll(current), settings.noticeMs);
          },
          (turn + 1) * settings.everySecond * SECOND,
        );
      }
      return { simulation, servers: all, sloMs: settings.sloMs, onsetMs: settings.everySecond * SECOND };
    },
  ),
};

/** Of a normal distribution with mean and deviation 1, where what is not positive is drawn again. */
const MEAN_OF_CUT_NORMAL = 1.2876;

function cutNormal(chance: () => number, mean: number): number {
  let drawn = normal(chance, mean, mean);
  while (drawn <= 0) drawn = normal(chance, mean, mean);
  return drawn;
}
