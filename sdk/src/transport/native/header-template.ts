/** Fields that go with every call in the same way: encoded once, then copied, until the connection's table changes. */
import { maxFieldBytes } from "../http2/hpack/hpack-encoder.ts";
import type { Http2Session } from "../http2/http2-session.ts";

export class HeaderTemplate {
  /** The most bytes that write() takes. */
  readonly maxBytes: number;
  readonly #session: Http2Session;
  readonly #fields: readonly string[];
  #bytes: Buffer | undefined;
  #generation = -1;

  /** @param fields name, value, name, value: all of them worth a place in the connection's table. */
  constructor(session: Http2Session, fields: readonly string[]) {
    this.#session = session;
    this.#fields = fields;
    let bytes = 0;
    for (let at = 0; at < fields.length; at += 2) bytes += maxFieldBytes(fields[at] ?? "", fields[at + 1] ?? "");
    this.maxBytes = bytes;
  }

  /** Writes the fields into the slab; returns what comes behind them. */
  write(at: number): number {
    const { encoder, output } = this.#session;
    const known = this.#bytes;
    if (known !== undefined && this.#generation === encoder.generation) {
      const { slab } = output;
      for (let byte = 0; byte < known.length; byte++) slab[at + byte] = known[byte] ?? 0;
      return at + known.length;
    }
    return this.#encode(at);
  }

  #encode(at: number): number {
    const { encoder, output } = this.#session;
    const before = encoder.generation;
    let end = at;
    for (let field = 0; field < this.#fields.length; field += 2) {
      end = encoder.recurring(output.slab, end, this.#fields[field] ?? "", this.#fields[field + 1] ?? "");
    }
    // What puts fields into the table is sent once; what is sent from then on only points there.
    if (encoder.generation === before) {
      this.#bytes = Buffer.from(output.slab.subarray(at, end));
      this.#generation = before;
    }
    return end;
  }
}
