/** Finds what GOAWAY says in all that a server sends, and keeps nothing else. */
import { errorName } from "../../sdk/src/transport/http2/protocol.ts";
import { FRAME } from "./h2-frames.ts";

const HEAD_BYTES = 9;

export class GoawayScanner {
  /** The last GOAWAY's code; "" before one. */
  code = "";
  /** Of the frame under way: its head, and its payload where it is wanted. */
  #kept = Buffer.alloc(HEAD_BYTES + 8);
  #keptBytes = 0;
  /** Bytes of a payload that nobody wants. */
  #skipped = 0;

  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#skipped > 0) {
        const skipped = Math.min(this.#skipped, chunk.length - at);
        this.#skipped -= skipped;
        at += skipped;
        continue;
      }
      const wanted = this.#keptBytes >= HEAD_BYTES ? this.#kept.length : HEAD_BYTES;
      const copied = chunk.copy(this.#kept, this.#keptBytes, at, at + wanted - this.#keptBytes);
      this.#keptBytes += copied;
      at += copied;
      if (this.#keptBytes === wanted) this.#frame();
    }
  }

  #frame(): void {
    const length = this.#kept.readUIntBE(0, 3);
    const isGoaway = this.#kept[3] === FRAME.GOAWAY;
    if (isGoaway && this.#keptBytes === HEAD_BYTES) return;
    if (isGoaway) this.code = errorName(this.#kept.readUInt32BE(HEAD_BYTES + 4));
    this.#skipped = length - (this.#keptBytes - HEAD_BYTES);
    this.#keptBytes = 0;
  }
}
