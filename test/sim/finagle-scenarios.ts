/** Scenarios after Finagle's balancersim (https://github.com/twitter/finagle), which its balancers are compared by. */
import { COMMON, options, SECOND, serversOf } from "./common.ts";
import { lognormal } from "./distributions.ts";
import { defineScenario, type Scenario } from "./scenario.ts";
import type { SimServer } from "./server.ts";
import { Simulation } from "./simulation.ts";

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

export const finagleScenarios: Readonly<Record<string, Scenario>> = {
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
};
