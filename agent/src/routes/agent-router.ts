/** All that the agent answers, put together. */
import type { AgentState } from "../agent-state.ts";
import { everybodyHolds, holdersOf } from "../http/access.ts";
import { createRouter, type Route, type Router } from "../http/router.ts";
import { aclRoutes, type ManagementToken } from "./acl.ts";
import { agentRoutes } from "./agent.ts";
import { authorityRoutes } from "./authority.ts";
import { authorizeRoutes } from "./authorize.ts";
import { catalogRoutes } from "./catalog.ts";
import { configRoutes } from "./config.ts";
import { discoveryChainRoutes } from "./discovery-chain.ts";
import { healthRoutes } from "./health.ts";
import { keyValueRoutes } from "./kv.ts";
import { intentionRoutes } from "./intentions.ts";
import { sessionRoutes } from "./session.ts";
import { statusRoutes } from "./status.ts";
import { txnRoutes } from "./txn.ts";
import { unsupportedRoutes } from "./unsupported.ts";

/** @param token that opens everything; without one everything is open. */
export function createAgentRouter(state: AgentState, token?: ManagementToken): Router {
  return createRouter(allRoutes(state, token), token === undefined ? everybodyHolds : holdersOf(token.secret));
}

export function allRoutes(state: AgentState, token: ManagementToken | undefined): Route[] {
  const otherwise = token === undefined ? "allow" : "deny";
  return [
    ...agentRoutes(state),
    ...healthRoutes(state),
    ...catalogRoutes(state),
    ...keyValueRoutes(state),
    ...sessionRoutes(state),
    ...txnRoutes(state),
    ...configRoutes(state),
    ...discoveryChainRoutes(state),
    ...intentionRoutes(state, otherwise),
    ...authorizeRoutes(state, otherwise),
    ...authorityRoutes(state),
    ...statusRoutes(state),
    ...aclRoutes(token),
    ...unsupportedRoutes(),
  ];
}
