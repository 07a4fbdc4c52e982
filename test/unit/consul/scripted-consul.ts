/**
 * A server that answers as the test tells it to, one request at a time: every way in which Consul, or what stands before
 * it, has been seen to misbehave.
 */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, beforeEach } from "mocha";
import { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { Inbox } from "../../support/inbox.ts";

/** A request that waits for what the test does with it. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Resolves when the client has gone away. */
  readonly gone: Promise<void>;
  reply(status: number, body?: string, headers?: Record<string, string>): void;
  /** A good answer to a watch. */
  answer(content: unknown, index: number | string): void;
  /** Promises more than it sends, then breaks the connection. */
  truncate(): void;
  /** Sends these pieces of an answer without end, each when the one before has left; "more" repeats the last for ever. */
  dribble(pieces: readonly string[], then: "stop" | "more"): void;
  /** Breaks the connection without a word. */
  breakOff(): void;
}

export class ScriptedConsul {
  readonly url: string;
  readonly #server;
  readonly #asked = new Inbox<Asked>();
  readonly #sockets = new Set<Socket>();

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.on("request", (request: IncomingMessage, response: ServerResponse) => void this.#receive(request, response));
  }

  static async start(port = 0): Promise<ScriptedConsul> {
    const server = createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    return new ScriptedConsul(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The next request, in the order of arrival. */
  next(): Promise<Asked> {
    return this.#asked.next();
  }

  /** Requests that have arrived and were not taken by next(). */
  get waiting(): number {
    return this.#asked.waiting;
  }

  /** Resolves when clients have closed every connection, idle ones too. */
  async disconnected(): Promise<void> {
    await Promise.all([...this.#sockets].map((socket) => once(socket, "close")));
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? "", this.url);
    const reply = (status: number, body = "", headers: Record<string, string> = {}): void => {
      response.writeHead(status, headers).end(body);
    };
    this.#asked.put({
      method: request.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
      gone: once(response, "close").then(() => {}),
      reply,
      answer: (content, index) => reply(200, JSON.stringify(content), { "X-Consul-Index": String(index) }),
      truncate: () => {
        response.writeHead(200, { "Content-Length": "1000", "X-Consul-Index": "7" });
        response.write("[", () => request.socket.destroy());
      },
      dribble: (pieces, then) => void dribble(response, pieces, then),
      breakOff: () => request.socket.resetAndDestroy(),
    });
  }
}

async function dribble(response: ServerResponse, pieces: readonly string[], then: "stop" | "more"): Promise<void> {
  const write = (piece: string): Promise<void> => new Promise((resolve) => void response.write(piece, () => resolve()));
  response.writeHead(200, { "Content-Type": "application/json" });
  for (const piece of pieces) await write(piece);
  if (then === "stop") return;
  while (!response.destroyed) await write(pieces.at(-1) ?? "");
}

/** One instance as /v1/health/service tells of it. */
export function healthEntry(
  id: string,
  service: Record<string, unknown> = {},
  node: Record<string, unknown> = {},
): object {
  return {
    Node: { Node: "node-1", Address: "10.0.0.1", ...node },
    Service: {
      ID: id,
      Service: "greeter",
      Address: "127.0.0.1",
      Port: 50_051,
      Tags: null,
      Meta: {},
      Weights: { Passing: 1, Warning: 1 },
      ...service,
    },
    Checks: [],
  };
}

/** A check of an instance. */
export function checkOf(status: "passing" | "warning" | "critical", output = ""): object {
  return { Node: "node-1", CheckID: "c", Name: "c", Status: status, Output: output, ServiceID: "g" };
}

/** What /v1/agent/self says in a version. */
export function agentSelfOf(version: string): string {
  return JSON.stringify({ Config: { Datacenter: "dc1", NodeName: "node-1", Version: version } });
}

/** A Consul of the test's and a client of it, anew for each test of the suite that calls this. */
export function consulForEach(
  use: (made: { readonly consul: ScriptedConsul; readonly http: ConsulHttp }) => void,
): void {
  let consul: ScriptedConsul;
  let http: ConsulHttp;

  beforeEach(async () => {
    consul = await ScriptedConsul.start();
    http = new ConsulHttp({ url: consul.url }, new VirtualClock());
    use({ consul, http });
  });

  afterEach(async () => {
    http.close();
    await consul.close();
  });
}
