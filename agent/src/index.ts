/** An agent that speaks Consul's HTTP API, in memory and on loopback: what laptops and tests run instead of a Consul. */
export { type AgentOptions, type RunningAgent, startAgent } from "./start-agent.ts";
