/** Scenarios of fleets: deploys, zones, more servers than one client connects to. */
import { subsetOf } from "../../sdk/src/balancing/subset.ts";
import { COMMON, options, SECOND, serversOf } from "./common.ts";
import { exponential } from "./distributions.ts";
import { defineScenario, type Scenario } from "./scenario.ts";
import { SimServer } from "./server.ts";
import { Simulation } from "./simulation.ts";

export const fleetScenarios: Readonly<Record<string, Scenario>> = {
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
