/** Header lists on their way out (RFC 9113, section 4.3): blocks are written in place and cut into frames afterwards. */
import type { HpackEncoder } from "./hpack/hpack-encoder.ts";
import { MAX_BEGIN_BYTES } from "./hpack/hpack-encoder.ts";
import type { Output } from "./output.ts";
import { FLAG, FRAME, FRAME_HEAD_BYTES } from "./protocol.ts";
import type { PeerSettings } from "./settings.ts";

export class HeaderWriter {
  readonly #output: Output;
  readonly #encoder: HpackEncoder;
  readonly #peer: PeerSettings;
  /** Where the block begins that is being written. */
  #blockAt = 0;

  constructor(output: Output, encoder: HpackEncoder, peer: PeerSettings) {
    this.#output = output;
    this.#encoder = encoder;
    this.#peer = peer;
  }

  /** Makes room for a block of at most so many bytes; returns where in the slab it goes. */
  start(maxBytes: number): number {
    // Room for the heads of CONTINUATION frames too.
    const frames = Math.ceil(maxBytes / this.#peer.maxFrameBytes) + 1;
    const at = this.#output.reserve(maxBytes + MAX_BEGIN_BYTES + frames * FRAME_HEAD_BYTES) + FRAME_HEAD_BYTES;
    this.#blockAt = at;
    return this.#encoder.begin(this.#output.slab, at);
  }

  /** @param end behind the block's last byte. */
  finish(id: number, end: number, last: boolean): void {
    const output = this.#output;
    const from = this.#blockAt;
    const bytes = end - from;
    const most = this.#peer.maxFrameBytes;
    const flags = (last ? FLAG.END_STREAM : 0) | (bytes <= most ? FLAG.END_HEADERS : 0);
    output.head(from - FRAME_HEAD_BYTES, Math.min(bytes, most), FRAME.HEADERS, flags, id);
    output.trim(bytes <= most ? end : this.#continue(id, from + most, end, most));
  }

  /** Cuts what is behind the first frame into CONTINUATION frames, the last first, since each moves what is behind it. */
  #continue(id: number, from: number, end: number, most: number): number {
    const output = this.#output;
    const frames = Math.ceil((end - from) / most);
    for (let frame = frames - 1; frame >= 0; frame--) {
      const begin = from + frame * most;
      const length = Math.min(most, end - begin);
      const head = begin + frame * FRAME_HEAD_BYTES;
      output.slab.copyWithin(head + FRAME_HEAD_BYTES, begin, begin + length);
      output.head(head, length, FRAME.CONTINUATION, frame === frames - 1 ? FLAG.END_HEADERS : 0, id);
    }
    return end + frames * FRAME_HEAD_BYTES;
  }
}
