/**
 * PINGs that find out whether a silent peer is still there (gRFC A8 and A9). Any byte that comes counts as life, and it is
 * looked at only as often as the connection's upkeep comes by.
 */

export class Keepalive {
  readonly #everyMs: number;
  readonly #timeoutMs: number;
  #reads = 0;
  #aliveAt: number;
  #pingedAt: number | undefined;

  /**
   * @param everyMs silence before a PING; Infinity for none.
   * @param timeoutMs how long its answer may take.
   */
  constructor(everyMs: number, timeoutMs: number, now: number) {
    this.#everyMs = everyMs;
    this.#timeoutMs = timeoutMs;
    this.#aliveAt = now;
  }

  /**
   * What to do now: nothing, send a PING, or give the peer up.
   *
   * @param reads how often anything was read, ever.
   * @param wanted whether there is something to keep alive.
   */
  next(now: number, reads: number, wanted: boolean): "nothing" | "ping" | "dead" {
    if (reads !== this.#reads) {
      this.#reads = reads;
      this.#aliveAt = now;
      this.#pingedAt = undefined;
    }
    if (this.#pingedAt !== undefined) return now - this.#pingedAt >= this.#timeoutMs ? "dead" : "nothing";
    if (!wanted || now - this.#aliveAt < this.#everyMs) return "nothing";
    this.#pingedAt = now;
    return "ping";
  }
}
