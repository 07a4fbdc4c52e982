/** Starting and stopping: the socket, its address, and what is refused before it opens. */
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

import { createAgentState } from "./agent-state.ts";
import { systemClock } from "./clock.ts";
import { isLoopback } from "./http/loopback.ts";
import type { Router } from "./http/router.ts";
import { createHttpServer } from "./http/server.ts";
import { createNode } from "./node.ts";
import { createAgentRouter } from "./routes/agent-router.ts";

export interface AgentOptions {
  /** The TCP port, 0 to 65535. Default 0: any free one. Consul's own is 8500. */
  readonly port?: number;
  /** A loopback address or `localhost`. Default `127.0.0.1`. Anything else is refused: there is no access control. */
  readonly host?: string;
  /** Default `dc1`. */
  readonly datacenter?: string;
  /** Default the machine's host name. */
  readonly nodeName?: string;
}

export interface RunningAgent extends AsyncDisposable {
  /** For example `http://127.0.0.1:8500`; what belongs into `CONSUL_HTTP_ADDR`. */
  readonly url: string;
  readonly port: number;
  /**
   * Closes the socket and every connection at once; blocked queries end with it. Everything registered is forgotten.
   * Calling it again is harmless.
   */
  close(): Promise<void>;
}

/**
 * Starts an agent that speaks Consul's HTTP API from memory, for laptops and tests.
 *
 * @throws TypeError when an option is of the wrong kind or the host is not loopback.
 * @throws Error when the port is taken; `cause` is Node's own error.
 * @example
 * await using agent = await startAgent();
 * process.env.CONSUL_HTTP_ADDR = agent.url;
 */
export async function startAgent(options: AgentOptions = {}): Promise<RunningAgent> {
  const { port = 0, host = "127.0.0.1", datacenter, nodeName } = options;
  checkOptions(port, host);
  let route: Router | undefined;
  const server = createHttpServer((request) => {
    if (route === undefined) throw new Error("the agent is not ready yet");
    return route(request);
  });
  const bound = await listen(server, port, host);

  const node = createNode({ name: nodeName, datacenter, address: bound.address, port: bound.port });
  const state = createAgentState(node, systemClock, Math.random);
  route = createAgentRouter(state);

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= stop(server, () => {
      state.registry.close();
      state.sessions.close();
    });
    return closing;
  };
  const shownHost = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
  return { url: `http://${shownHost}:${bound.port}`, port: bound.port, close, [Symbol.asyncDispose]: close };
}

function checkOptions(port: unknown, host: unknown): void {
  if (typeof port !== "number" || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new TypeError(`port ${JSON.stringify(port)} is not a whole number from 0 to 65535: use 0 for any free port`);
  }
  if (typeof host !== "string" || !isLoopback(host)) {
    const why = "the meshwork agent has no access control and listens on this machine only";
    throw new TypeError(`host ${JSON.stringify(host)} is not a loopback address: ${why}; use "127.0.0.1"`);
  }
}

async function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    const where = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const way = "stop what listens there, or choose another port (0 takes any free one)";
    if (code === "EADDRINUSE") throw new Error(`${where} is already in use: ${way}`, { cause: error });
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${where} cannot be listened on: ${reason}`, { cause: error });
  }
  return server.address() as AddressInfo;
}

async function stop(server: Server, stopTimers: () => void): Promise<void> {
  stopTimers();
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}
