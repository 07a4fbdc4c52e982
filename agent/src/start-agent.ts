/** Starting and stopping: the socket, its address, and what is refused before it opens. */
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

import { randomUUID } from "node:crypto";
import { createAgentState } from "./agent-state.ts";
import { systemClock } from "./clock.ts";
import { anonymousToken } from "./http/access.ts";
import { isLoopback } from "./http/loopback.ts";
import type { Router } from "./http/router.ts";
import { createHttpServer } from "./http/server.ts";
import { createNode } from "./node.ts";
import { createAgentRouter } from "./routes/agent-router.ts";

export interface AgentOptions {
  /** The TCP port, 0 to 65535. Default 0: any free one. Consul's own is 8500. */
  readonly port?: number;
  /** A loopback address or `localhost`. Default `127.0.0.1`. Anything else needs `force`. */
  readonly host?: string;
  /**
   * Listens for other machines too, and where NODE_ENV is "production". Whoever reaches the agent may then register, change
   * and read everything, unless there is a `token`; and what it knows is gone when it ends: it is a tool for development.
   * Default false.
   */
  readonly force?: boolean;
  /**
   * What requests must carry to be answered, as Consul's own clients do with `CONSUL_HTTP_TOKEN`: 1 to 1,024 visible ASCII
   * characters. As in a Consul with `default_policy = "deny"`, lists are then empty for those without it, and all else is
   * refused. It travels as plain text. Default none: everybody who reaches the agent may do everything.
   */
  readonly token?: string;
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
 * @throws TypeError when an option is of the wrong kind or no good, or the host is not loopback and `force` is not given.
 * @throws Error when the port is taken, `cause` is Node's own error; in production without `force`.
 * @example
 * await using agent = await startAgent();
 * process.env.CONSUL_HTTP_ADDR = agent.url;
 */
export async function startAgent(options: AgentOptions = {}): Promise<RunningAgent> {
  const { port = 0, host = "127.0.0.1", datacenter, nodeName, force = false, token } = options;
  checkOptions(port, host, force, token);
  let route: Router | undefined;
  const server = createHttpServer(
    (request) => {
      if (route === undefined) throw new Error("the agent is not ready yet");
      return route(request);
    },
    isLoopback(host) ? "this machine" : "anybody",
  );
  const bound = await listen(server, port, host);

  const address = WILDCARDS[bound.address] ?? bound.address;
  const node = createNode({ name: nodeName, datacenter, address, port: bound.port });
  const state = createAgentState(node, systemClock, Math.random);
  route = createAgentRouter(
    state,
    token === undefined ? undefined : { secret: token, accessorId: randomUUID(), createdAt: new Date() },
  );

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= stop(server, () => {
      state.registry.close();
      state.sessions.close();
      state.authority.close();
    });
    return closing;
  };
  const shownHost = address.includes(":") ? `[${address}]` : address;
  return { url: `http://${shownHost}:${bound.port}`, port: bound.port, close, [Symbol.asyncDispose]: close };
}

/** Where the agent itself finds what listens on all addresses. */
const WILDCARDS: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** Long enough for any secret, and far below what fits into the headers of a request. */
const MAX_TOKEN_CHARS = 1_024;

function checkOptions(port: unknown, host: unknown, force: unknown, token: unknown): void {
  if (typeof port !== "number" || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new TypeError(`port ${JSON.stringify(port)} is not a whole number from 0 to 65535: use 0 for any free port`);
  }
  checkToken(token);
  if (typeof force !== "boolean") throw new TypeError(`force ${JSON.stringify(force)} is neither true nor false`);
  if (typeof host !== "string" || host === "" || (!isLoopback(host) && !force)) {
    const why = "the meshwork agent is for development and listens on this machine only";
    const forced = "force it (force: true, --force) where the network is to be trusted";
    const way = `use "127.0.0.1", or ${forced}, with a token (token, --token) if not everybody there may change what is registered`;
    throw new TypeError(`host ${JSON.stringify(host)} is not a loopback address: ${why}; ${way}`);
  }
  if (process.env["NODE_ENV"] === "production" && !force) {
    const why = "the meshwork agent is for development: it keeps everything in memory and has no replicas";
    throw new Error(
      `NODE_ENV is "production", and ${why}; run a Consul, or force it (force: true, --force) where all of that is acceptable`,
    );
  }
}

/** Tokens are secrets: no message shows one. */
function checkToken(token: unknown): void {
  if (token === undefined) return;
  if (typeof token !== "string") throw new TypeError(`token is a ${typeof token}: give a string`);
  if (token === anonymousToken) {
    throw new TypeError(`token is "${anonymousToken}", which means none: choose another, such as a UUID`);
  }
  if (token.length > MAX_TOKEN_CHARS || !/^[!-~]+$/.test(token)) {
    const what = token === "" ? "is empty" : `has ${token.length} characters, or some that are no visible ASCII`;
    throw new TypeError(`token ${what}: give 1 to ${MAX_TOKEN_CHARS} visible ASCII characters, such as a UUID`);
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
