/** The command line as users start it: a process of its own, with its exit code and all it wrote. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const COMMAND = ["--conditions=meshwork-source", "--import", "tsx", "cli/src/main.ts"];

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class MeshProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly finished: Promise<Finished>;
  #stdout = "";
  #stderr = "";
  readonly #changed = new EventTarget();

  constructor(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [...COMMAND, ...words], {
      cwd: ROOT,
      env: { PATH: process.env["PATH"], HOME: process.env["HOME"], CONSUL_HTTP_ADDR: "127.0.0.1:1", ...env },
    });
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => this.#took(() => (this.#stdout += text)));
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => this.#took(() => (this.#stderr += text)));
    // A process that ends early leaves a broken pipe to whoever still writes to it; its exit code tells the story.
    this.child.stdin.on("error", () => {});
    this.finished = this.#end();
  }

  /** Resolves once standard output holds this. */
  async printed(text: string): Promise<void> {
    while (!this.#stdout.includes(text)) {
      const change = once(this.#changed, "change");
      const ended = await Promise.race([change.then(() => undefined), this.finished]);
      if (ended !== undefined && !ended.stdout.includes(text)) {
        throw new Error(`ended with ${ended.code} without printing ${text}: ${ended.stdout}${ended.stderr}`);
      }
    }
  }

  get stdout(): string {
    return this.#stdout;
  }

  #took(keep: () => void): void {
    keep();
    this.#changed.dispatchEvent(new Event("change"));
  }

  async #end(): Promise<Finished> {
    const [code] = (await once(this.child, "close")) as [number | null];
    return { code, stdout: this.#stdout, stderr: this.#stderr };
  }
}

/** Runs it to its end; standard input is what is given, or nothing. */
export function runMesh(
  words: readonly string[],
  env?: Readonly<Record<string, string>>,
  stdin = "",
): Promise<Finished> {
  const process = new MeshProcess(words, env);
  process.child.stdin.end(stdin);
  return process.finished;
}
