/** The scenarios by name, with where they come from. Every figure of theirs is a parameter. */
import { COMMON, options, SECOND, serversOf } from "./common.ts";
import { exponential } from "./distributions.ts";
import { finagleScenarios } from "./finagle-scenarios.ts";
import { fleetScenarios } from "./fleet-scenarios.ts";
import { prequalScenarios } from "./prequal-scenarios.ts";
import { defineScenario, type Scenario } from "./scenario.ts";
import type { SimServer } from "./server.ts";
import { Simulation } from "./simulation.ts";

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

  pauses: defineScenario(
    "a client of few calls, whose equal servers stand still for a moment now and then, as a collection makes them",
    {
      ...COMMON,
      qps: { value: 50, about: COMMON.qps.about },
      servers: { value: 3, about: "servers" },
      workMs: { value: 2, about: "mean milliseconds of a call's work, give or take a half" },
      pauseMs: { value: 50, about: "milliseconds that a server stands still" },
      everySecond: { value: 10, about: "mean seconds from one pause of a server to the next; exponential" },
      sloMs: { value: 10, about: "milliseconds within which calls should succeed" },
    },
    (settings, { policy, random, fate }) => {
      const { workMs, pauseMs, everySecond, seconds } = settings;
      const simulation = new Simulation({
        ...options(settings),
        policy,
        random,
        workMs: () => workMs * (0.5 + fate()),
      });
      const { agenda } = simulation;
      const servers = serversOf(simulation, settings.servers, 4);
      simulation.showAll(servers);
      const pauseLater = (server: SimServer): void => {
        agenda.setTimer(
          () => {
            server.setShare(1e-9);
            agenda.setTimer(() => server.setShare(1), pauseMs);
            pauseLater(server);
          },
          exponential(fate, everySecond * SECOND),
        );
      };
      for (const server of servers) pauseLater(server);
      let leastShare = 1;
      const counted = new Map(servers.map((server) => [server, 0]));
      const count = (): void => {
        const calls = servers.map((server) => server.calls - (counted.get(server) as number));
        const mean = calls.reduce((sum, count) => sum + count, 0) / servers.length;
        leastShare = Math.min(leastShare, ...calls.map((count) => count / mean));
        for (const server of servers) counted.set(server, server.calls);
      };
      for (let second = 10; second <= seconds; second += 10) agenda.setTimer(count, second * SECOND);
      return { simulation, servers, sloMs: settings.sloMs, onsetMs: 0, figures: () => ({ leastShare }) };
    },
  ),

  ...prequalScenarios,
  ...finagleScenarios,
  ...fleetScenarios,
};
