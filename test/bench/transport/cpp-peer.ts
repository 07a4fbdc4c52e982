/** A peer on C++ gRPC (test/bench/cpp/peer.cpp): a line asks, a line of JSON answers. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Peer, PeerReply, PeerRequest, Role } from "./peer-process.ts";
import type { Tls } from "./side.ts";

export class CppPeer implements Peer {
  readonly #role: Role;
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;
  readonly #exit: Promise<unknown>;
  #keys: string | undefined;

  constructor(role: Role, program: string) {
    this.#role = role;
    this.#process = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#process.stdout });
    this.#exit = once(this.#process, "exit");
  }

  async ask<Ask extends PeerRequest["ask"]>(request: PeerRequest & { readonly ask: Ask }): Promise<PeerReply[Ask]> {
    const answered = once(this.#lines, "line");
    const gone = this.#exit.then(() => {
      throw new Error(`${this.#role} of cpp ended while it was asked to ${request.ask}`);
    });
    this.#process.stdin.write(`${this.#written(request)}\n`);
    const [line] = (await Promise.race([answered, gone])) as [string];
    return JSON.parse(line) as PeerReply[Ask];
  }

  async end(): Promise<void> {
    this.#process.stdin.end();
    await this.#exit;
    if (this.#keys !== undefined) rmSync(this.#keys, { recursive: true, force: true });
  }

  #written(request: PeerRequest): string {
    switch (request.ask) {
      case "listen":
        return `listen ${this.#keyFiles(request.tls)}`;
      case "connect": {
        const { kind, bytes, concurrency } = request.load;
        return `connect ${request.port} ${kind} ${bytes} ${concurrency} ${this.#keyFiles(request.tls)}`;
      }
      case "usage":
        return "usage";
      case "run":
        return `run ${request.calls}`;
      case "watch-allocation":
      case "allocated":
        throw new Error("C++ peer does not watch its memory");
    }
  }

  #keyFiles(tls: Tls): string {
    if (tls === undefined) return "";
    const folder = mkdtempSync(join(tmpdir(), "meshwork-bench-keys-"));
    this.#keys = folder;
    const file = (name: string, pem: unknown): string => {
      const path = join(folder, name);
      writeFileSync(path, String(pem), { mode: 0o600 });
      return path;
    };
    return `${file("ca.pem", tls.ca)} ${file("key.pem", tls.key)} ${file("cert.pem", tls.cert)}`;
  }
}
