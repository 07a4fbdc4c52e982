/** Requests of a stream as they were sent, kept for another attempt until there can be none (gRFC A6). */
import { keptBytes } from "../transport/kept-bytes.ts";
import type { ClientStream, MessageEncoding } from "../transport/transport.ts";

/** Beyond this many bytes nothing is kept any more, and the call is committed. */
const MAX_REPLAY_BYTES = 256 * 1024;

interface SentRequest {
  readonly body: Uint8Array;
  readonly encoding: MessageEncoding | undefined;
}

export class SentRequests {
  #requests: SentRequest[] | undefined = [];
  #bytes = 0;

  /** false: what was sent is not kept, so that no further attempt can be made. */
  keep(body: Uint8Array, encoding: MessageEncoding | undefined): boolean {
    if (this.#requests === undefined) return false;
    this.#bytes += body.byteLength;
    if (this.#bytes > MAX_REPLAY_BYTES) this.forget();
    else this.#requests.push({ body: keptBytes(body), encoding });
    return this.#requests !== undefined;
  }

  /** Nothing will be sent again. */
  forget(): void {
    this.#requests = undefined;
  }

  /** Sends all of it on another stream; false when that asks to wait, as send() does. */
  resend(stream: ClientStream): boolean {
    let takesMore = true;
    for (const { body, encoding } of this.#requests ?? []) takesMore = stream.send(body, encoding);
    return takesMore;
  }
}
