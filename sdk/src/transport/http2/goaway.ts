/** The end of a connection as both sides say it (RFC 9113, section 6.8). */
import type { Output } from "./output.ts";
import { ConnectionError, ERROR, errorName, FRAME, MAX_STREAM_ID } from "./protocol.ts";

/** Of a GOAWAY's words, said and read. */
const MAX_DEBUG_BYTES = 128;
const FIXED_BYTES = 8;

export class Goaway {
  /** This side has said one. */
  said = false;
  /** The peer has. */
  heard = false;
  /** Of the last one, whoever said it. */
  code: number = ERROR.NO_ERROR;
  /** Streams above this were not worked on, as the peer's says. */
  lastWorkedOn = MAX_STREAM_ID;
  readonly #output: Output;
  #saidId = -1;
  #saidCode = -1;

  constructor(output: Output) {
    this.#output = output;
  }

  /**
   * Nothing when the same was said before.
   *
   * @param lastId streams above this are not worked on.
   */
  say(lastId: number, code: number, reason: string): void {
    if (lastId === this.#saidId && code === this.#saidCode) return;
    this.said = true;
    this.code = code;
    this.#saidId = lastId;
    this.#saidCode = code;
    const text = reason.slice(0, MAX_DEBUG_BYTES);
    const payload = Buffer.alloc(FIXED_BYTES + text.length);
    payload.writeUInt32BE(lastId, 0);
    payload.writeUInt32BE(code, 4);
    payload.write(text, FIXED_BYTES, "latin1");
    this.#output.frame(FRAME.GOAWAY, 0, 0, payload);
  }

  /** Reads the peer's; returns it in words. Throws ConnectionError. */
  hear(payload: Buffer, start: number, end: number): string {
    const lastId = payload.readUInt32BE(start) & MAX_STREAM_ID;
    if (lastId > this.lastWorkedOn) {
      throw new ConnectionError(ERROR.PROTOCOL_ERROR, "GOAWAY names a later stream than before");
    }
    this.heard = true;
    this.lastWorkedOn = lastId;
    this.code = payload.readUInt32BE(start + 4);
    const from = start + FIXED_BYTES;
    const text = payload
      .toString("latin1", from, Math.min(end, from + MAX_DEBUG_BYTES))
      .replaceAll(/[^\x20-\x7e]/g, "?");
    return `peer sent GOAWAY ${errorName(this.code)}${text === "" ? "" : `: ${text}`}`;
  }
}
