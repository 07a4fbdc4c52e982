/** Conversations of an HTTP/2 client, drawn at random: right ones, which mutate() makes wrong. */
import { seededRandom } from "../../sdk/src/call/random.ts";
import {
  block,
  continuation,
  data,
  FLAG,
  FRAME,
  frame,
  goaway,
  grpcRequest,
  headers,
  message,
  paddedData,
  ping,
  priority,
  reset,
  SETTING,
  settings,
  windowUpdate,
} from "./h2-frames.ts";

const MAX_OPEN = 50;
const CANCEL = 8;

/** Draws whole numbers from [0, below). */
export type Draw = (below: number) => number;

/** The same numbers for the same seed. */
export function drawing(seed: number): Draw {
  const random = seededRandom(seed);
  return (below) => Math.floor(random() * below);
}

/** One client's side of a connection, frame by frame. */
export class RandomClient {
  readonly #draw: Draw;
  readonly #heads: readonly Buffer[];
  readonly #open: number[] = [];
  #nextId = 1;

  /** @param paths of the methods that it calls. */
  constructor(draw: Draw, paths: readonly string[]) {
    this.#draw = draw;
    this.#heads = [
      ...paths.map((path) => grpcRequest(path)),
      ...paths.map((path) => grpcRequest(path, ["grpc-timeout", "50m"], ["x-text", "something or other"])),
      ...paths.map((path) => grpcRequest(path, ["grpc-encoding", "gzip"], ["grpc-accept-encoding", "gzip"])),
    ];
  }

  /** What it says next: mostly one frame, sometimes a few that belong together. */
  next(): Buffer[] {
    const draw = this.#draw;
    const kind = draw(20);
    if (kind < 6 || this.#open.length === 0) return this.#call();
    const at = draw(this.#open.length);
    const id = this.#open[at] ?? 1;
    if (kind < 12) return [this.#data(id, at)];
    switch (kind) {
      case 12:
        this.#open.splice(at, 1);
        return [reset(id, CANCEL)];
      case 13:
        return [windowUpdate(draw(2) * id, 1 + draw(100_000))];
      case 14:
        return [ping()];
      case 15:
        return [this.#settings()];
      case 16:
        return [priority(id, draw(2) * (id + 2))];
      case 17:
        this.#open.splice(at, 1);
        return [headers(id, block([["x-trailer", "yes"]]), FLAG.END_HEADERS | FLAG.END_STREAM)];
      case 18:
        return [frame(0x20 + draw(100), draw(256), draw(2) * id, Buffer.alloc(draw(50)))];
      default:
        return draw(20) === 0 ? [goaway(0, 0, "perhaps")] : [data(id, "")];
    }
  }

  #call(): Buffer[] {
    const draw = this.#draw;
    const id = this.#nextId;
    this.#nextId += 2;
    const head = this.#heads[draw(this.#heads.length)] ?? Buffer.alloc(0);
    const frames: Buffer[] = [];
    if (draw(5) === 0) {
      const cut = draw(head.length);
      frames.push(headers(id, head.subarray(0, cut), 0), continuation(id, head.subarray(cut), FLAG.END_HEADERS));
    } else {
      frames.push(headers(id, head));
    }
    if (draw(3) > 0) {
      frames.push(data(id, message(Buffer.alloc(draw(200))), FLAG.END_STREAM));
    } else {
      this.#open.push(id);
      if (this.#open.length > MAX_OPEN) frames.push(reset(this.#open.shift() ?? 1, CANCEL));
    }
    return frames;
  }

  #data(id: number, at: number): Buffer {
    const draw = this.#draw;
    const last = draw(3) === 0 ? FLAG.END_STREAM : 0;
    if (last !== 0) this.#open.splice(at, 1);
    const body = draw(3) === 0 ? Buffer.alloc(draw(40)) : message(Buffer.alloc(draw(1000)), draw(30) === 0 ? 1 : 0);
    return draw(4) === 0 ? paddedData(id, body, draw(256), last) : data(id, body, last);
  }

  #settings(): Buffer {
    const draw = this.#draw;
    const known = [
      [SETTING.HEADER_TABLE_SIZE, draw(10_000)],
      [SETTING.INITIAL_WINDOW_SIZE, draw(200_000)],
      [SETTING.MAX_FRAME_SIZE, 16_384 + draw(100_000)],
      [SETTING.MAX_HEADER_LIST_SIZE, draw(100_000)],
      [SETTING.MAX_CONCURRENT_STREAMS, draw(1000)],
    ] as const;
    return draw(4) === 0 ? frame(FRAME.SETTINGS, FLAG.ACK, 0) : settings(known[draw(known.length)] ?? known[0]);
  }
}

/** Frames in which something is wrong, or which are where they should not be. May be none, or several. */
export function mutate(draw: Draw, bytes: Buffer): Buffer[] {
  const copy = Buffer.from(bytes);
  const at = draw(copy.length);
  switch (draw(10)) {
    case 0: // One bit.
      copy[at] = (copy[at] ?? 0) ^ (1 << draw(8));
      return [copy];
    case 1: // One byte of the head.
      copy[draw(9)] = draw(256);
      return [copy];
    case 2: // Flags.
      copy[4] = draw(256);
      return [copy];
    case 3: // Another type.
      copy[3] = draw(11);
      return [copy];
    case 4: // Another stream.
      copy.writeUInt32BE(draw(60), 5);
      return [copy];
    case 5: // Cut off, so that what follows is read as its rest.
      return [copy.subarray(0, at)];
    case 6: // Shorter than it says, or longer.
      copy.writeUIntBE(draw(100), 0, 3);
      return [copy];
    case 7: // Twice.
      return [copy, copy];
    case 8: // Not at all.
      return [];
    default: {
      // Bytes that are nothing, in the middle of it.
      const nothing = Buffer.from(Array.from({ length: 1 + draw(20) }, () => draw(256)));
      return [copy.subarray(0, at), nothing, copy.subarray(at)];
    }
  }
}
