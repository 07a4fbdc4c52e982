/** The callers: a client of the greeter in this process, its load, and what it sees. */
import { createMesh, type Mesh, MeshError } from "@meshwork/sdk";
import { GreeterService, type GreeterServiceClient } from "../../gen/greeter/v1/greeter.mesh.ts";
import { TranslatorService } from "../../gen/translator/v1/translator.mesh.ts";
import { CallStats } from "./call-stats.ts";
import { FLEET } from "./fleet.ts";
import { readSamples, sumOf } from "./metrics-text.ts";
import { OpenLoop } from "./open-loop.ts";
import type { Registry } from "./registry.ts";

const LANGUAGES = ["en", "de", "es", "fr", "ja"];
/** All at once, they spread over every instance, for picks in flight count. */
const BURST = 12;
/** After that many a fresh process has compiled what it runs often. */
const WARM_BURSTS = 10;
const WARM_WITHIN_MS = 15_000;

/** Attempts that ended without an answer, and those that were sent after one. */
export interface Attempts {
  readonly lost: number;
  readonly retried: number;
}

export class Callers {
  readonly stats = new CallStats();
  readonly #mesh: Mesh;
  readonly #greeter: GreeterServiceClient;
  readonly #idle = new Set<() => void>();

  constructor(registry: Registry) {
    this.#mesh = createMesh({ service: "demo", consul: registry.consul });
    this.#greeter = this.#mesh.client(GreeterService);
  }

  /** Calls until every instance has answered and is warm, so that what is counted later is not how processes start. */
  async warmUp(registry: Registry): Promise<void> {
    const giveUpAt = performance.now() + WARM_WITHIN_MS;
    await using mesh = createMesh({ service: "demo-warm-up", consul: registry.consul, balancing: "round_robin" });
    const greeter = mesh.client(GreeterService);
    const translator = mesh.client(TranslatorService);
    const translate = (language: string): Promise<string> =>
      translator.translate({ phrase: "hello", language }).then(({ instance }) => instance);
    const all = [
      this.#meet("greeter", FLEET.greeter, WARM_BURSTS, giveUpAt, (language) => greet(greeter, language)),
      this.#meet("translator", FLEET.translator, 1, giveUpAt, translate),
    ];
    await Promise.all(all);
    // As often: a client remembers an instance's slowest answer for seconds, and of few answers which is slowest is chance.
    await this.#meet("greeter", FLEET.greeter, WARM_BURSTS, giveUpAt, (language) => greet(this.#greeter, language));
  }

  /** Sends greetings; call number n is told to sent right after it left. */
  load(rate: number, calls?: number, sent: (n: number) => void = () => {}): OpenLoop {
    return new OpenLoop({
      rate,
      ...(calls !== undefined && { calls }),
      send: (n) => {
        void this.#call(n);
        sent(n);
      },
    });
  }

  /** Resolves when no call is under way. */
  async quiet(): Promise<void> {
    if (this.stats.inFlight > 0) await new Promise<void>((resolve) => void this.#idle.add(resolve));
  }

  async attempts(): Promise<Attempts> {
    const samples = readSamples(await this.#mesh.registry.metrics());
    const ended = sumOf(samples, "grpc_client_attempt_duration_seconds_count", () => true);
    const answered = sumOf(
      samples,
      "grpc_client_attempt_duration_seconds_count",
      (labels) => labels["grpc_status"] === "OK",
    );
    const retries = sumOf(samples, "grpc_client_call_retries_sum", () => true);
    const transparent = sumOf(samples, "grpc_client_call_transparent_retries_sum", () => true);
    return { lost: ended - answered, retried: retries + transparent };
  }

  close(): Promise<void> {
    return this.#mesh.close();
  }

  async #call(n: number): Promise<void> {
    const startedAt = performance.now();
    this.stats.started();
    try {
      const name = await greet(this.#greeter, LANGUAGES[n % LANGUAGES.length] ?? "en");
      const now = performance.now();
      this.stats.answered(`greeter-${name}`, now, now - startedAt);
    } catch (error) {
      this.stats.hasFailed(error instanceof MeshError ? `${error.code}: ${error.reason}` : String(error));
    }
    if (this.stats.inFlight > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }

  /** Calls in bursts, at least so many, until each of these has answered. */
  async #meet(
    service: string,
    names: readonly string[],
    bursts: number,
    giveUpAt: number,
    call: (language: string) => Promise<string>,
  ): Promise<void> {
    const missing = new Set(names);
    for (let burst = 0; burst < bursts || missing.size > 0; burst++) {
      if (performance.now() > giveUpAt) {
        const ids = [...missing].map((name) => `${service}-${name}`);
        throw new Error(`${ids.join(", ") || service} did not answer within ${WARM_WITHIN_MS} ms of calls`);
      }
      const answers = Array.from({ length: BURST }, (_, n) => call(LANGUAGES[n % LANGUAGES.length] ?? "en"));
      for (const name of await Promise.all(answers)) missing.delete(name);
    }
  }
}

/** Resolves to the name of the instance that answered. */
async function greet(greeter: GreeterServiceClient, language: string): Promise<string> {
  const { instance } = await greeter.sayHello({ name: "Ada", language });
  return instance;
}
