/** grpc-go's side of the interop cases: test/peers/grpc-interop, built once for a suite. */
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { InteropCaseName } from "./interop-cases.ts";
import type { RunningServer } from "./interop-server.ts";

/** The first build compiles all of grpc-go. */
export const GO_BUILD_TIMEOUT_MS = 300_000;
/** Longer than the program gives a case. */
const CASE_TIMEOUT_MS = 15_000;

export class GrpcGo {
  readonly #folder: string;
  readonly #program: string;

  private constructor(folder: string, program: string) {
    this.#folder = folder;
    this.#program = program;
  }

  /** Or why it cannot be built. */
  static build(): GrpcGo | string {
    const folder = mkdtempSync(join(tmpdir(), "meshwork-interop-"));
    const program = join(folder, "grpc-interop");
    const cwd = fileURLToPath(new URL("../peers/grpc-interop/", import.meta.url));
    const built = spawnSync("go", ["build", "-buildvcs=false", "-o", program, "."], { cwd, encoding: "utf8" });
    if (built.status === 0) return new GrpcGo(folder, program);
    rmSync(folder, { recursive: true });
    return built.error?.message ?? built.stderr.trim();
  }

  async startServer(): Promise<RunningServer> {
    const server = spawn(this.#program, ["server"], { stdio: ["pipe", "pipe", "inherit"] });
    const ended = once(server, "exit");
    const [line] = (await once(server.stdout.setEncoding("utf8"), "data")) as [string];
    return {
      address: line.trim(),
      close: async () => {
        server.stdin.end();
        await ended;
      },
    };
  }

  /** Rejects with what the program says did not pass. */
  runCase(address: string, name: InteropCaseName): Promise<void> {
    return new Promise((resolve, reject) => {
      const args = ["client", address, name];
      execFile(this.#program, args, { timeout: CASE_TIMEOUT_MS }, (error, _, stderr) => {
        if (error === null) resolve();
        else reject(new Error(stderr.trim() || error.message));
      });
    });
  }

  /** The load report that comes with a call, as grpc-go reads it. */
  async loadOf(address: string): Promise<{ readonly namedMetrics: Readonly<Record<string, number>> }> {
    const { stdout } = await promisify(execFile)(this.#program, ["load", address], { timeout: CASE_TIMEOUT_MS });
    return JSON.parse(stdout);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
