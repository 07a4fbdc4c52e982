/** Asks endpoints for their load, each once at a time, and none that does not know how. */
import type { EndpointState } from "../balancing/endpoint-state.ts";
import { GET_LOAD_PATH } from "../balancing/orca.ts";
import type { Clock } from "../call/clock.ts";
import { Metadata } from "../call/metadata.ts";
import { STATUS_NUMBERS } from "../call/status.ts";
import type { Connection } from "../transport/transport.ts";

/** Milliseconds after which an answer is no longer waited for: what it says would be old. */
const PROBE_MS = 50;
const NOTHING = new Uint8Array();

export class LoadProbes {
  readonly #clock: Clock;
  readonly #pending = new WeakSet<EndpointState>();
  readonly #unable = new WeakSet<EndpointState>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param told gets the answer, if there is one. */
  ask(state: EndpointState, connection: Connection, told: (bytes: Uint8Array) => void): void {
    const now = this.#clock.now();
    if (connection.state !== "ready" || this.#pending.has(state) || this.#unable.has(state)) return;
    this.#pending.add(state);
    const call = {
      path: GET_LOAD_PATH,
      metadata: new Metadata(),
      deadline: now + PROBE_MS,
      encoding: "identity",
    } as const;
    connection.unary(call, NOTHING, {
      onHeaders: () => {},
      onDone: ({ status }, body) => {
        this.#pending.delete(state);
        if (status === STATUS_NUMBERS.UNIMPLEMENTED) this.#unable.add(state);
        if (body !== undefined) told(body);
      },
    });
  }
}
