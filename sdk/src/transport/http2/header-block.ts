/** A header block that comes in several frames (RFC 9113, section 4.3): kept until it is complete, within limits. */
import { tooLongBlock } from "./frame-parser.ts";
import type { Http2Limits } from "./limits.ts";
import { ConnectionError, ERROR } from "./protocol.ts";

export class HeaderBlock {
  readonly #limits: Http2Limits;
  /** The stream whose block is not complete; 0 for none. Until it is, nothing else may come (section 6.10). */
  id = 0;
  /** Of the HEADERS frame that began it. */
  flags = 0;
  /** When it began. */
  startedAt = 0;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(limits: Http2Limits) {
    this.#limits = limits;
  }

  begin(id: number, flags: number, fragment: Buffer, now: number): void {
    this.id = id;
    this.flags = flags;
    this.startedAt = now;
    // A copy: a part must not hold the memory of all that was read with it.
    this.#parts = [Buffer.from(fragment)];
    this.#bytes = fragment.length;
  }

  /** Adds the payload of a CONTINUATION. Throws ConnectionError. */
  add(id: number, fragment: Buffer): void {
    if (id !== this.id) {
      const expected = this.id === 0 ? "no header block is open" : `header block of stream ${this.id} is open`;
      throw new ConnectionError(ERROR.PROTOCOL_ERROR, `CONTINUATION of stream ${id} was sent: ${expected}`);
    }
    if (this.#parts.length > this.#limits.maxContinuations) {
      throw new ConnectionError(
        ERROR.ENHANCE_YOUR_CALM,
        `header block has more than ${this.#limits.maxContinuations} CONTINUATION frames`,
      );
    }
    this.#bytes += fragment.length;
    if (this.#bytes > this.#limits.maxHeaderBlockBytes)
      throw tooLongBlock(this.#bytes, this.#limits.maxHeaderBlockBytes);
    this.#parts.push(Buffer.from(fragment));
  }

  /** The whole block; the next may begin. */
  complete(): Buffer {
    const block = Buffer.concat(this.#parts, this.#bytes);
    this.id = 0;
    this.#parts = [];
    return block;
  }
}
