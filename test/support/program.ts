/** Programs that tests run beside themselves: found on this machine, started on loopback, ended by their pid. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { connect } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Debian keeps servers here, which is not on everybody's PATH. */
const SERVER_FOLDER = "/usr/sbin";
const READY_WITHIN_MS = 10_000;
const POLL_MS = 20;
/** How long a program may take to end after SIGTERM. */
const STOP_WITHIN_MS = 3_000;
/** Enough of what it said to see why it did not start. */
const KEPT_CHARS = 4_000;

/** The path of a program, or undefined when this machine has none. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...folders, SERVER_FOLDER].map((folder) => join(folder, name)).find(isExecutable);
}

/** None outlives us; one listener for all, for Node warns of many. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class Program {
  readonly child: ChildProcess;
  readonly #name: string;
  #said = "";

  constructor(path: string, args: readonly string[]) {
    this.#name = path;
    this.child = spawn(path, args, { stdio: ["pipe", "pipe", "pipe"] });
    const keep = (chunk: Buffer): void => void (this.#said = (this.#said + chunk.toString()).slice(-KEPT_CHARS));
    this.child.stdout?.on("data", keep);
    this.child.stderr?.on("data", keep);
    running.add(this.child);
  }

  get exited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** The end of what it said. */
  get said(): string {
    return this.#said;
  }

  /** Waits until it takes connections. */
  async listens(port: number): Promise<void> {
    const giveUpAt = performance.now() + READY_WITHIN_MS;
    while (!(await connects(port))) {
      if (this.exited || performance.now() > giveUpAt) {
        await this.stop();
        throw new Error(`${this.#name} does not listen on port ${port}; it said: ${this.#said}`);
      }
      await delay(POLL_MS);
    }
  }

  async stop(): Promise<void> {
    running.delete(this.child);
    if (this.exited) return;
    const gone = once(this.child, "exit");
    this.child.kill("SIGTERM");
    const kill = setTimeout(() => this.child.kill("SIGKILL"), STOP_WITHIN_MS);
    await gone;
    clearTimeout(kill);
  }
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
