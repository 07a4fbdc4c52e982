/**
 * Decodes messages with one reader that is used again: ts-proto's code takes a reader in place of bytes, and the
 * BinaryReader it would make for each message costs more than a small message's fields.
 */
import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { MessageCodec } from "./message-codec.ts";

/** The fields of BinaryReader that make it read other bytes; that they are still these, readsAnew() finds out. */
interface Inside {
  buf: Buffer;
  len: number;
  view: DataView;
}

const NOTHING = Buffer.alloc(0);
const NO_VIEW = new DataView(new ArrayBuffer(0));
/** What is read from a socket at a time, 64 KiB, may be held by a view of a sixteenth of it. */
const COPIED_FIELD_BYTES = 4 * 1024;
/** Up to here a loop beats a call of Buffer. */
const SHORT_STRING_BYTES = 32;
/** For each length of a short string the array that its characters are put in, so that none is made per string. */
const CODES = Array.from({ length: SHORT_STRING_BYTES + 1 }, (_, length) => Array.from({ length }, () => 0));

class ReusedReader extends BinaryReader {
  constructor() {
    super(NOTHING);
    this.readFrom(NOTHING);
  }

  readFrom(bytes: Buffer): void {
    const inside = this as unknown as Inside;
    inside.buf = bytes;
    inside.len = bytes.length;
    inside.view = NO_VIEW;
    this.pos = 0;
  }

  override string(strict?: boolean): string {
    if (strict === true) return super.string(strict);
    const { buf: bytes } = this as unknown as Inside;
    const length = this.uint32();
    const start = this.pos;
    const end = start + length;
    this.pos = end;
    if (end > this.len) throw new RangeError("premature EOF");
    if (length > SHORT_STRING_BYTES) return bytes.toString("utf8", start, end);
    const codes = CODES[length] as number[];
    for (let index = 0; index < length; index++) {
      const byte = bytes[start + index] as number;
      if (byte > 0x7f) return bytes.toString("utf8", start, end);
      codes[index] = byte;
    }
    return String.fromCharCode.apply(String, codes);
  }

  /** A long field is a view of what was received; a short one is copied, lest it hold all that was read with it. */
  override bytes(): Uint8Array {
    const view = super.bytes();
    return view.length < COPIED_FIELD_BYTES ? Uint8Array.prototype.slice.call(view) : view;
  }

  override fixed32(): number {
    this.#see();
    return super.fixed32();
  }

  /** fixed64 and sfixed64 come here too. */
  override sfixed32(): number {
    this.#see();
    return super.sfixed32();
  }

  override float(): number {
    this.#see();
    return super.float();
  }

  override double(): number {
    this.#see();
    return super.double();
  }

  /** Few messages need the view, so it is made for those. */
  #see(): void {
    const inside = this as unknown as Inside;
    if (inside.view !== NO_VIEW) return;
    inside.view = new DataView(inside.buf.buffer, inside.buf.byteOffset, inside.buf.byteLength);
  }
}

const reader = new ReusedReader();
let busy = false;
/** Whether a codec's decode takes the reader, once it was tried. */
const takers = new WeakMap<object, boolean>();

/** The message that the bytes say. Throws what the codec throws. */
export function decodeMessage<T>(codec: MessageCodec<T>, bytes: Uint8Array): T {
  // A codec may decode a message in a message by itself.
  if (busy || !Buffer.isBuffer(bytes) || !(takers.get(codec) ?? learn(codec))) return codec.decode(bytes);
  busy = true;
  reader.readFrom(bytes);
  try {
    return codec.decode(reader as unknown as Uint8Array);
  } finally {
    // Holds no chunk that was read from a socket.
    reader.readFrom(NOTHING);
    busy = false;
  }
}

/** A field of the highest number, with the value 0: every message may have it, and none does. */
const PROBE = Buffer.of(0xf8, 0xff, 0xff, 0xff, 0x0f, 0);
/** decode(input, length), as ts-proto writes it; decode(bytes) of other codecs is not tried. */
const PARAMETERS = 2;

/**
 * Tries whether a codec reads from the reader to its end. One that was compiled against another copy of @bufbuild/protobuf
 * (its CommonJS build, say) takes the reader for bytes and fails; then it gets bytes.
 */
function learn(codec: MessageCodec<unknown>): boolean {
  const takes = codec.decode.length === PARAMETERS && readsAnew && readsToTheEnd(codec);
  takers.set(codec, takes);
  return takes;
}

function readsToTheEnd(codec: MessageCodec<unknown>): boolean {
  busy = true;
  reader.readFrom(PROBE);
  try {
    codec.decode(reader as unknown as Uint8Array);
    return reader.pos === PROBE.length;
  } catch {
    return false;
  } finally {
    reader.readFrom(NOTHING);
    busy = false;
  }
}

/** Whether this version of BinaryReader has the fields that are set here: reads all kinds of values from other bytes. */
const readsAnew = ((): boolean => {
  const bytes = Buffer.of(1, 0x61, 2, 7, 8, 0xac, 0x02, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 5, 1);
  try {
    reader.readFrom(Buffer.alloc(bytes.length, 9));
    reader.double();
    reader.readFrom(bytes);
    const values = [
      reader.string(),
      ...reader.bytes(),
      reader.uint32(),
      reader.sfixed32(),
      Number(reader.int64()),
      reader.double(),
      ...reader.skip(0),
      reader.pos,
    ];
    reader.bool();
    return String(values) === "a,7,8,300,-1,1,1,5,21" && reader.pos === reader.len;
  } catch {
    return false;
  } finally {
    reader.readFrom(NOTHING);
  }
})();
