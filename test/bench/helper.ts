/** A process of the benchmark beside the one that measures: tells by messages, ends when it is let go. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Usage } from "./discovery/usage.ts";

/** A process that says nothing for so long has failed. */
const HEARD_WITHIN_MS = 60_000;

export class Helper {
  readonly #file: string;
  readonly #child: ChildProcess;

  /** @param file from this folder. */
  constructor(file: string, args: readonly (string | number)[]) {
    this.#file = file;
    const flags = ["--conditions=meshwork-source", "--import", "tsx", "--expose-gc"];
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), args.map(String), { execArgv: flags });
  }

  /** The next message that is wanted. Rejects when the process ends, or says nothing of the kind for a minute. */
  async hear<T>(wanted: (message: T) => boolean = () => true): Promise<T> {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, AbortSignal.timeout(HEARD_WITHIN_MS)]);
    const gone = once(this.#child, "exit", { signal }).then(() => {
      throw new Error(`${this.#file} has ended by itself`);
    });
    gone.catch(() => {});
    try {
      for (;;) {
        const [message] = (await Promise.race([once(this.#child, "message", { signal }), gone])) as [T];
        if (wanted(message)) return message;
      }
    } finally {
      over.abort();
    }
  }

  tell(message: object): void {
    this.#child.send(message);
  }

  usage(): Promise<Usage> {
    const said = this.hear<Usage>((message) => typeof message === "object" && "cpuMs" in message);
    this.#child.send("usage");
    return said;
  }

  /** Asks it to end in order, and waits until it has. */
  async leave(): Promise<void> {
    const gone = once(this.#child, "exit");
    this.#child.send("leave");
    await gone;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    if (this.#child.connected) this.#child.disconnect();
    await gone;
  }
}
