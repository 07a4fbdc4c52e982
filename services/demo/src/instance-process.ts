/** One instance of a service as a process of its own: started, killed, told to leave; its last words are kept. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export interface InstanceOptions {
  /** "greeter": the folder beside this one. */
  readonly service: string;
  /** "1": what tells it from others of its service. */
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
}

const ENTRY = fileURLToPath(new URL("instance.ts", import.meta.url));
const KEPT_LINES = 30;
/** An instance drains within half a second when nothing is under way; what takes this long hangs. */
const LEAVE_WITHIN_MS = 5_000;

export class InstanceProcess {
  /** As registered: "greeter-1". */
  readonly id: string;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #serving: Promise<void>;
  readonly #ended: Promise<void>;
  #leaving = false;

  constructor({ service, name, env }: InstanceOptions) {
    this.id = `${service}-${name}`;
    const main = fileURLToPath(new URL(`../../${service}/src/main.ts`, import.meta.url));
    this.#child = spawn(process.execPath, [...process.execArgv, ENTRY, main], {
      env,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      // A Ctrl-C in the terminal goes to its whole process group; who leaves when is for the demo to say.
      detached: true,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) if (stream !== null) this.#keep(stream);
    this.#ended = once(this.#child, "close").then(
      () => {},
      (error: unknown) => void this.#lines.push(String(error)),
    );
    this.#serving = once(this.#child, "message").then(() => {});
    this.#serving.catch(() => {});
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Its last lines of log. */
  get log(): readonly string[] {
    return this.#lines;
  }

  /** Whether it was told to end, or killed. */
  get leaving(): boolean {
    return this.#leaving;
  }

  /** Whether it has left in order, deregistered and drained; false too while it runs. */
  get left(): boolean {
    return this.#child.exitCode === 0;
  }

  /** How it ended, in words. */
  get end(): string {
    const { signalCode, exitCode } = this.#child;
    return signalCode === null ? `ended with code ${exitCode}` : `was ended by ${signalCode}`;
  }

  /** Resolves once it serves and is registered; rejects, with its last words, when it ends before. */
  async serving(): Promise<void> {
    const failed = this.#ended.then(() => {
      throw new Error(`${this.id} ${this.end} before it served:\n${this.#lines.join("\n")}`);
    });
    await Promise.race([this.#serving, failed]);
  }

  /** Resolves when it is gone and all it said is read; never rejects. */
  ended(): Promise<void> {
    return this.#ended;
  }

  /** SIGKILL: what a crash looks like to its callers. */
  kill(): void {
    this.#leaving = true;
    this.#child.kill("SIGKILL");
  }

  /** Lets it leave in order; what hangs is killed. Resolves when it is gone. */
  async leave(): Promise<void> {
    this.#leaving = true;
    this.#child.kill("SIGTERM");
    const limit = new AbortController();
    const late = pause(LEAVE_WITHIN_MS, undefined, { signal: limit.signal }).then(
      () => this.kill(),
      () => {},
    );
    await this.#ended;
    limit.abort();
    await late;
  }

  #keep(stream: Readable): void {
    createInterface({ input: stream }).on("line", (line) => {
      this.#lines.push(line);
      if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    });
  }
}
