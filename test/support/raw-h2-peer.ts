/** The other side of a connection as a script has it: writes any bytes, and reads frames one by one. */
import { once } from "node:events";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { errorName, PREFACE } from "../../sdk/src/transport/http2/protocol.ts";
import { FLAG, FRAME, settings, SETTINGS_ACK } from "./h2-frames.ts";

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

const HEAD_BYTES = 9;

export class RawH2Peer {
  readonly socket: Duplex;
  /** Resolves when the connection is closed, to what the last GOAWAY said: "ENHANCE_YOUR_CALM: too many …", or "". */
  readonly closed: Promise<string>;
  /** All frames so far. */
  readonly frames: RawFrame[] = [];
  #read = 0;
  #skip = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #over = false;
  #wake: () => void = () => {};

  constructor(socket: Duplex) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#over = true;
        this.#wake();
        resolve(this.goaway);
      });
    });
  }

  /** A client of a server that listens, past the handshake. */
  static async client(port: number, ...entries: (readonly [number, number])[]): Promise<RawH2Peer> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    await once(socket, "connect");
    const peer = new RawH2Peer(socket);
    peer.write(PREFACE, settings(...entries), SETTINGS_ACK);
    await peer.next(FRAME.SETTINGS);
    return peer;
  }

  /** Whether the connection is closed. */
  get over(): boolean {
    return this.#over;
  }

  /** So many bytes to come are no frame: the preface of a client. */
  skip(bytes: number): void {
    this.#skip = bytes;
  }

  /** What the last GOAWAY said. */
  get goaway(): string {
    const last = this.frames.findLast(({ type }) => type === FRAME.GOAWAY);
    if (last === undefined) return "";
    const text = last.payload.toString("latin1", 8);
    return `${errorName(last.payload.readUInt32BE(4))}${text === "" ? "" : `: ${text}`}`;
  }

  write(...bytes: readonly Uint8Array[]): boolean {
    return this.socket.write(Buffer.concat(bytes));
  }

  /** Resolves when everything was taken, or nothing more is. */
  async drained(): Promise<void> {
    if (this.#over || this.socket.writableLength === 0) return;
    // "drain" comes only where there was much.
    await Promise.race([new Promise((resolve) => this.socket.write(Buffer.alloc(0), resolve)), this.closed]);
  }

  /** The next frame of a type, or of any; those before it are passed over. Fails when the connection ends before. */
  async next(type?: number, id?: number): Promise<RawFrame> {
    for (;;) {
      for (; this.#read < this.frames.length; this.#read++) {
        const frame = this.frames[this.#read]!;
        if ((type !== undefined && frame.type !== type) || (id !== undefined && frame.id !== id)) continue;
        this.#read++;
        return frame;
      }
      if (this.#over)
        throw new Error(`connection ended without a frame of type ${type}: ${this.goaway || "no GOAWAY"}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** What RST_STREAM says of a stream. */
  async resetOf(id: number): Promise<string> {
    return errorName((await this.next(FRAME.RST_STREAM, id)).payload.readUInt32BE(0));
  }

  /** Resolves when the other side has read all that was written so far. */
  async settled(): Promise<void> {
    const text = String(Math.floor(performance.now() * 1000) % 1e8).padStart(8, "0");
    this.write(pingOf(text));
    for (;;) {
      const { flags, payload } = await this.next(FRAME.PING);
      if ((flags & FLAG.ACK) !== 0 && payload.toString("latin1") === text) return;
    }
  }

  #take(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    const skipped = Math.min(this.#skip, this.#bytes.length);
    this.#skip -= skipped;
    this.#bytes = this.#bytes.subarray(skipped);
    while (this.#bytes.length >= HEAD_BYTES) {
      const length = this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < HEAD_BYTES + length) break;
      this.frames.push({
        type: this.#bytes[3]!,
        flags: this.#bytes[4]!,
        id: this.#bytes.readUInt32BE(5),
        payload: Buffer.from(this.#bytes.subarray(HEAD_BYTES, HEAD_BYTES + length)),
      });
      this.#bytes = this.#bytes.subarray(HEAD_BYTES + length);
    }
    this.#wake();
  }
}

function pingOf(text: string): Buffer {
  const head = Buffer.from([0, 0, 8, FRAME.PING, 0, 0, 0, 0, 0]);
  return Buffer.concat([head, Buffer.from(text, "latin1")]);
}
