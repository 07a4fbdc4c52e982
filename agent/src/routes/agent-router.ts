/** All that the agent answers, put together. */
import type { AgentState } from "../agent-state.ts";
import { createRouter, type Router } from "../http/router.ts";
import { agentRoutes } from "./agent.ts";
import { catalogRoutes } from "./catalog.ts";
import { configRoutes } from "./config.ts";
import { discoveryChainRoutes } from "./discovery-chain.ts";
import { healthRoutes } from "./health.ts";
import { keyValueRoutes } from "./kv.ts";
import { sessionRoutes } from "./session.ts";
import { statusRoutes } from "./status.ts";
import { txnRoutes } from "./txn.ts";
import { unsupportedRoutes } from "./unsupported.ts";

export function createAgentRouter(state: AgentState): Router {
  return createRouter([
    ...agentRoutes(state),
    ...healthRoutes(state),
    ...catalogRoutes(state),
    ...keyValueRoutes(state),
    ...sessionRoutes(state),
    ...txnRoutes(state),
    ...configRoutes(state),
    ...discoveryChainRoutes(state),
    ...statusRoutes(state),
    ...unsupportedRoutes(),
  ]);
}
