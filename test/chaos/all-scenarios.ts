/** Every outage that is played. */
import type { Scenario } from "./scenario.ts";
import { absentScenarios } from "./scenarios/absent-scenarios.ts";
import { accessScenarios } from "./scenarios/access-scenarios.ts";
import { agentScenarios } from "./scenarios/agent-scenarios.ts";
import { serverScenarios } from "./scenarios/server-scenarios.ts";
import { wireScenarios } from "./scenarios/wire-scenarios.ts";

export const allScenarios: readonly Scenario[] = [
  ...agentScenarios,
  ...serverScenarios,
  ...wireScenarios,
  ...accessScenarios,
  ...absentScenarios,
];
