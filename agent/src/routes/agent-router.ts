/** All that the agent answers, put together. */
import type { AgentState } from "../agent-state.ts";
import { createRouter, type Router } from "../http/router.ts";
import { agentRoutes } from "./agent.ts";
import { catalogRoutes } from "./catalog.ts";
import { healthRoutes } from "./health.ts";
import { keyValueRoutes } from "./kv.ts";
import { statusRoutes } from "./status.ts";
import { unsupportedRoutes } from "./unsupported.ts";

export function createAgentRouter(state: AgentState): Router {
  return createRouter([
    ...agentRoutes(state),
    ...healthRoutes(state),
    ...catalogRoutes(state),
    ...keyValueRoutes(state),
    ...statusRoutes(state),
    ...unsupportedRoutes(),
  ]);
}
