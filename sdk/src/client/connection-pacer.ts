/** Starts connections so that only some are being made at a time; the others wait for their turn. */
import type { Connection } from "../transport/transport.ts";

export class ConnectionPacer {
  readonly #most: number;
  readonly #waiting = new Set<Connection>();
  readonly #connecting = new Set<Connection>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Connects now, or when it is its turn. */
  add(connection: Connection): void {
    this.#waiting.add(connection);
    this.#next();
  }

  /** It has become ready, or failed, or is closed: from then on it is on its own. */
  done(connection: Connection): void {
    this.#waiting.delete(connection);
    if (this.#connecting.delete(connection)) this.#next();
  }

  #next(): void {
    for (const connection of this.#waiting) {
      if (this.#connecting.size >= this.#most) return;
      this.#waiting.delete(connection);
      this.#connecting.add(connection);
      connection.connect();
    }
  }
}
