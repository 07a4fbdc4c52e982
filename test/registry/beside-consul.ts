/** Our agent and the Consul that it is compared with, for the tests of the describe() that asks for them. */
import { type RunningAgent, startAgent } from "@meshwork/agent";
import { type RealConsul, startConsul } from "../support/real-consul.ts";

export interface BothRegistries {
  readonly agent: RunningAgent;
  readonly consul: RealConsul;
}

/** Started before the tests and ended after them. @returns what the tests, and nothing before them, may read. */
export function besideConsul(): BothRegistries {
  let agent: RunningAgent | undefined;
  let consul: RealConsul | undefined;

  before(async () => {
    [agent, consul] = await Promise.all([startAgent(), startConsul()]);
  });

  after(async () => {
    await Promise.all([agent?.close(), consul?.close()]);
  });

  return {
    get agent() {
      return agent as RunningAgent;
    },
    get consul() {
      return consul as RealConsul;
    },
  };
}
