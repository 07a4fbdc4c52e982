/** One pair of client and server that runs interop cases, and what comes of each. */
import type { GrpcGo } from "./grpc-go.ts";
import { INTEROP_CASES, type InteropCaseName } from "./interop-cases.ts";
import { type InteropClient, makeInteropClient } from "./interop-client.ts";
import { type RunningServer, startInteropServer } from "./interop-server.ts";
import { knownGap } from "./known-gaps.ts";
import type { Pair } from "./sides.ts";

/** A gap is a case that failed as KNOWN_GAPS says. */
export type Verdict =
  | { readonly kind: "passed" }
  | { readonly kind: "gap"; readonly reason: string }
  | { readonly kind: "failed"; readonly error: Error };

export class InteropLab {
  readonly #pair: Pair;
  readonly #server: RunningServer;
  /** undefined: grpc-go is the client. */
  readonly #client: InteropClient | undefined;
  readonly #go: GrpcGo | undefined;

  private constructor(pair: Pair, server: RunningServer, client: InteropClient | undefined, go: GrpcGo | undefined) {
    this.#pair = pair;
    this.#server = server;
    this.#client = client;
    this.#go = go;
  }

  /** @param go for pairs that have it */
  static async start(pair: Pair, go?: GrpcGo): Promise<InteropLab> {
    const { client, server } = pair;
    const running = await (server === "grpc-go" ? present(go).startServer() : startInteropServer(server));
    const made = client === "grpc-go" ? undefined : makeInteropClient(running.address, client);
    return new InteropLab(pair, running, made, go);
  }

  async run(name: InteropCaseName): Promise<Verdict> {
    const gap = knownGap(this.#pair.client, this.#pair.server, name);
    try {
      if (this.#client === undefined) await present(this.#go).runCase(this.#server.address, name);
      else await INTEROP_CASES[name](this.#client);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (gap === undefined) return { kind: "failed", error };
      if (gap.failsWith.test(error.message)) return { kind: "gap", reason: gap.reason };
      const surprise = `${name} fails in another way than the gap that is known: ${error.message}`;
      return { kind: "failed", error: new Error(surprise, { cause: error }) };
    }
    if (gap === undefined) return { kind: "passed" };
    const error = new Error(`${name} passes, which KNOWN_GAPS calls a gap (${gap.reason}): take it off that list`);
    return { kind: "failed", error };
  }

  async close(): Promise<void> {
    await this.#client?.mesh.close();
    await this.#server.close();
  }
}

function present(go: GrpcGo | undefined): GrpcGo {
  if (go === undefined) throw new Error("a pair with grpc-go needs its program: build it first");
  return go;
}
