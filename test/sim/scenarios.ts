/** The scenarios by name, with where they come from. Every figure of theirs is a parameter. */
import { subsetOf } from "../../sdk/src/balancing/subset.ts";
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

  zones: defineScenario(
    "clients of one zone, whose servers carry them, then do not, then do again; other zones have work of their own",
    {
      ...COMMON,
      clients: { value: 20, about: COMMON.clients.about },
      qps: { value: 0, about: "calls per second; 0: as many as the loads say" },
      servers: { value: 4, about: "servers of each of three zones" },
      cores: { value: 4, about: "cores of a server" },
      workMs: { value: 20, about: "mean milliseconds of a call's work; exponential" },
      low: { value: 0.5, about: "calls at first and in the end, as a share of what the own zone can do" },
      high: { value: 1.5, about: "and between" },
      fromSecond: { value: 20, about: "when there are more" },
      toSecond: { value: 40, about: "when there are fewer again" },
      others: { value: 0.3, about: "share of what other zones can do that their own work takes" },
      preferred: { value: 1, about: "1: the own zone is preferred; 0: all zones are alike" },
      sloMs: { value: 500, about: "milliseconds within which calls should succeed" },
    },
    (settings, { policy, random, fate }) => {
      const { servers: count, cores, workMs, low, high, fromSecond, toSecond, others, preferred, qps } = settings;
      const [fromMs, toMs] = [fromSecond * SECOND, toSecond * SECOND];
      const capacity = qps > 0 ? qps : (count * cores * SECOND) / workMs;
      const simulation = new Simulation({
        ...options(settings),
        callsPerSecond: (nowMs) => capacity * (nowMs < fromMs || nowMs >= toMs ? low : high),
        policy,
        random,
        workMs: () => exponential(fate, workMs),
        ...(preferred > 0 && { around: { zone: { own: "a" } } }),
      });
      const { agenda } = simulation;
      const zoneOf = (zone: string): SimServer[] =>
        Array.from({ length: count }, (_, at) => new SimServer(agenda, { id: `${zone}${at}`, cores, zone }));
      const [own, away] = [zoneOf("a"), ["b", "c"].flatMap(zoneOf)];
      for (const server of away) server.setShare(1 - others);
      simulation.showAll([...own, ...away]);
      const callsOf = (servers: readonly SimServer[]): number => servers.reduce((sum, { calls }) => sum + calls, 0);
      const figures: Record<string, number> = {};
      /** Of the second half of a phase, when things have settled. */
      const share = (name: string, from: number, to: number): void => {
        agenda.setTimer(
          () => {
            const [stayed, went] = [callsOf(own), callsOf(away)];
            agenda.setTimer(
              () => {
                const [here, there] = [callsOf(own) - stayed, callsOf(away) - went];
                figures[name] = here + there === 0 ? 0 : here / (here + there);
              },
              (to - from) / 2,
            );
          },
          (from + to) / 2,
        );
      };
      share("ownShareBefore", 0, fromMs);
      share("ownShareWhile", fromMs, toMs);
      share("ownShareAfter", toMs, settings.seconds * SECOND);
      return { simulation, servers: [...own, ...away], sloMs: settings.sloMs, onsetMs: fromMs, figures: () => figures };
    },
  ),

  subsetting: defineScenario(
    "many clients, each of which connects to a few of many servers (ACM Queue 20(5), 2022; gRFC A68)",
    {
      ...COMMON,
      clients: { value: 1_000, about: COMMON.clients.about },
      qps: { value: 20_000, about: COMMON.qps.about },
      seconds: { value: 5, about: COMMON.seconds.about },
      servers: { value: 10_000, about: "servers" },
      size: { value: 20, about: "servers that a client connects to" },
      numbered: { value: 1, about: "1: clients and servers are numbered; 0: they have ids alone" },
      workMs: { value: 50, about: "mean milliseconds of a call's work; exponential" },
      cores: { value: 1, about: "cores of a server" },
      sloMs: { value: 500, about: "milliseconds within which calls should succeed" },
    },
    (settings, { policy, random, fate }) => {
      const simulation = new Simulation({
        ...options(settings),
        policy,
        random,
        workMs: () => exponential(fate, settings.workMs),
      });
      // One more than there are: what changes when it comes is counted before any call.
      const all = serversOf(simulation, settings.servers + 1, settings.cores);
      const servers = all.slice(0, -1);
      const byId = new Map(all.map((server) => [server.endpoint.id, server]));
      const endpoints = all.map(({ endpoint }, at) => ({ ...endpoint, metadata: { number: String(at) } }));
      const salt = String(fate());
      let moved = 0;
      for (const [number, client] of simulation.clients.entries()) {
        const subscriber = { id: `${salt} ${number}`, ...(settings.numbered > 0 && { number }) };
        const chosen = subsetOf(endpoints.slice(0, -1), settings, subscriber);
        const before = new Set(chosen);
        moved += subsetOf(endpoints, settings, subscriber).filter((one) => !before.has(one)).length;
        simulation.show(
          client,
          chosen.map(({ id }) => byId.get(id) as SimServer),
        );
      }
      const connections = new Map(servers.map((server) => [server, 0]));
      for (const { states } of simulation.clients) {
        for (const server of states.values()) connections.set(server, (connections.get(server) as number) + 1);
      }
      const counts = [...connections.values()];
      const total = counts.reduce((sum, count) => sum + count, 0);
      const mean = total / servers.length;
      const most = counts.reduce((most, count) => Math.max(most, count), 0);
      const least = counts.reduce((least, count) => Math.min(least, count), Infinity);
      const figures = {
        mostConnections: most / mean,
        leastConnections: least / mean,
        churn: moved / (total / (servers.length + 1)),
      };
      return { simulation, servers, sloMs: settings.sloMs, onsetMs: 0, figures: () => figures };
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
