/**
 * One Consul process of a cluster: started, killed, frozen, thawed, started again with what it had on disk or without.
 * Its address and ports stay the same all its lives, as a machine's would.
 */
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { versionOf } from "./consul-version.ts";
import { Program } from "./program.ts";

export interface ConsulNodeOptions {
  readonly binary: string;
  readonly name: string;
  /** "127.0.0.2" */
  readonly address: string;
  readonly ports: { readonly http: number; readonly serf: number; readonly server: number };
  /** Where it keeps its data; made when it starts. */
  readonly folder: string;
  /** More arguments for `consul agent`. */
  readonly args: readonly string[];
}

/** A node that does not answer within so long does not answer: on loopback an answer takes a millisecond. */
const ANSWER_WITHIN_MS = 2_000;

export class ConsulNode {
  readonly name: string;
  /** Of its HTTP API: "http://127.0.0.2:40123". */
  readonly url: string;
  readonly httpPort: number;
  /** Where the others join it. */
  readonly serfAddress: string;
  /** As /v1/status/leader names it. */
  readonly serverAddress: string;
  readonly #options: ConsulNodeOptions;
  #program: Program | undefined;

  constructor(options: ConsulNodeOptions) {
    const { name, address, ports } = options;
    this.name = name;
    this.url = `http://${address}:${ports.http}`;
    this.httpPort = ports.http;
    this.serfAddress = `${address}:${ports.serf}`;
    this.serverAddress = `${address}:${ports.server}`;
    this.#options = options;
  }

  get address(): string {
    return this.#options.address;
  }

  get running(): boolean {
    return this.#program !== undefined && !this.#program.exited;
  }

  /** The end of its log. */
  get log(): string {
    return this.#program?.said ?? "";
  }

  /** Resolves once the process runs; when it answers is for whoever waits for it to say. */
  async start(): Promise<void> {
    if (this.running) throw new Error(`${this.name} runs already: kill it first`);
    const { binary, name, address, ports, folder, args } = this.#options;
    await mkdir(folder, { recursive: true });
    const on = ["-bind", address, "-client", address, "-http-port", ports.http, "-serf-lan-port", ports.serf];
    const off = ["-dns-port", "-1", ...versionOf(binary).withoutGrpc, "-serf-wan-port", "-1"];
    const all = ["agent", "-node", name, "-data-dir", folder, ...on, "-server-port", ports.server, ...off, ...args];
    const program = new Program(binary, all.map(String));
    this.#program = program;
    await once(program.child, "spawn");
  }

  /** SIGKILL, also while it is frozen: what a crash looks like. Waits until it is gone; one that is gone stays so. */
  async kill(): Promise<void> {
    const program = this.#program;
    if (program === undefined || program.exited) return;
    const gone = once(program.child, "exit");
    program.child.kill("SIGKILL");
    await gone;
    await program.stop();
  }

  /** SIGSTOP: its sockets stay open, and nobody answers on them. */
  freeze(): void {
    this.#signal("SIGSTOP");
  }

  /** SIGCONT: it goes on as if nothing had been. */
  thaw(): void {
    this.#signal("SIGCONT");
  }

  /** Removes what it has on disk; it must not run. */
  async loseData(): Promise<void> {
    if (this.running) throw new Error(`${this.name} runs: kill it before its data is taken away`);
    await rm(this.#options.folder, { recursive: true, force: true });
  }

  /** Asks its HTTP API; rejects when it does not answer in time. */
  request(path: string, { timeoutMs = ANSWER_WITHIN_MS, ...init }: NodeRequest = {}): Promise<Response> {
    return fetch(`${this.url}${path}`, { ...init, signal: AbortSignal.timeout(timeoutMs) });
  }

  /** PUTs JSON; throws Consul's own words when it refuses. */
  async put(path: string, body?: unknown): Promise<unknown> {
    const response = await this.request(path, {
      method: "PUT",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${this.name} answered PUT ${path} with ${response.status}: ${text}`);
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  }

  #signal(signal: "SIGSTOP" | "SIGCONT"): void {
    if (!this.running) throw new Error(`${this.name} does not run: ${signal} reaches nobody`);
    this.#program?.child.kill(signal);
  }
}

export interface NodeRequest {
  readonly method?: "GET" | "PUT" | "DELETE";
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** Milliseconds until the answer must have begun and ended. Default 2,000. */
  readonly timeoutMs?: number;
}
