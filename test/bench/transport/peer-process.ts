/** Peers as the benchmark sees them: processes that answer one request after another. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Allocated } from "./allocation-watch.ts";
import type { Load, Side } from "./plan.ts";
import type { Tls } from "./side.ts";

export type Role = "server" | "client";
/** Those that are written in TypeScript. */
export type NodeSide = Exclude<Side, "cpp">;

export type PeerRequest =
  | { readonly ask: "listen"; readonly tls: Tls }
  | { readonly ask: "connect"; readonly port: number; readonly load: Load; readonly tls: Tls }
  | { readonly ask: "usage" }
  | { readonly ask: "run"; readonly calls: number }
  | { readonly ask: "watch-allocation" }
  | { readonly ask: "allocated" };

export interface Usage {
  /** CPU since it was last asked for, user and system. */
  readonly cpuUs: number;
  readonly rssMb: number;
}

export interface RunResult extends Usage {
  readonly ms: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface PeerReply {
  /** Without a port: this side cannot be made. */
  readonly listen: { readonly port?: number | undefined };
  readonly connect: object;
  readonly usage: Usage;
  readonly run: RunResult;
  readonly "watch-allocation": object;
  /** Since watch-allocation. */
  readonly allocated: Allocated;
}

export interface Peer {
  /** Rejects when the process ends instead of answering. */
  ask<Ask extends PeerRequest["ask"]>(request: PeerRequest & { readonly ask: Ask }): Promise<PeerReply[Ask]>;
  /** Resolves when the process is gone. */
  end(): Promise<void>;
}

export class NodePeer implements Peer {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #exit: Promise<unknown>;

  constructor(role: Role, side: NodeSide, flags: readonly string[] = []) {
    this.#name = `${role} of ${side}`;
    // What it prints would be taken for the answer: that is one line on standard output.
    this.#process = fork(fileURLToPath(new URL("peer.ts", import.meta.url)), [role, side], {
      execArgv: [...process.execArgv, ...flags],
      stdio: ["ignore", process.stderr, "inherit", "ipc"],
    });
    this.#exit = once(this.#process, "exit");
  }

  async ask<Ask extends PeerRequest["ask"]>(request: PeerRequest & { readonly ask: Ask }): Promise<PeerReply[Ask]> {
    const answered = once(this.#process, "message");
    const gone = this.#exit.then(() => {
      throw new Error(`${this.#name} ended while it was asked to ${request.ask}`);
    });
    this.#process.send(request);
    const [reply] = (await Promise.race([answered, gone])) as [PeerReply[Ask]];
    return reply;
  }

  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    await this.#exit;
  }
}
