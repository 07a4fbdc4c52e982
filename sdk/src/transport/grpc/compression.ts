/**
 * Compressed messages (https://github.com/grpc/grpc/blob/master/doc/compression.md): each is inflated by itself, and
 * never to more than may be received, so a message that would inflate without end costs no more than an honest one.
 */
import { constants } from "node:buffer";
import * as zlib from "node:zlib";
import { MeshError } from "../../call/mesh-error.ts";

/** What is read, as the grpc-accept-encoding header says it. */
export const ACCEPTED_ENCODINGS = "identity,deflate,gzip";

/**
 * Up to this many compressed bytes are inflated at once: 30 to 60 microseconds, while a worker thread costs 100 more
 * before the first byte.
 */
const AT_ONCE_BYTES = 8 * 1024;
/**
 * What inflates to more than this (300 microseconds) goes to a worker thread after all: the event loop has other calls.
 */
const AT_ONCE_INFLATED_BYTES = 64 * 1024;
/** Each chunk of output is a trip to a worker thread and back; zlib's own 16 KiB make 256 trips of 4 MiB. */
const CHUNK_BYTES = 256 * 1024;
/** Gzip's fastest: half the time of zlib's default for some hundredths more bytes, and senders wait for it. */
const GZIP_LEVEL = 1;

export type Inflated = (error: MeshError | undefined, message: Uint8Array | undefined) => void;

/**
 * Inflates a message that was written with gzip or deflate, and passes identity through.
 *
 * done is called exactly once: small messages before inflate returns, large ones later from the event loop. So two
 * messages of a stream may finish in the wrong order: inflate the next when done was called. bytes must stay as they are
 * until then. What done throws is the caller's.
 *
 * Errors: UNIMPLEMENTED for another encoding, RESOURCE_EXHAUSTED beyond maxBytes, INTERNAL for what is corrupt or cut off.
 */
export function inflate(encoding: string, bytes: Uint8Array, maxBytes: number, done: Inflated): void {
  if (encoding === "identity") {
    done(undefined, bytes);
    return;
  }
  const format = formatOf(encoding, bytes);
  if (format === undefined) {
    done(
      new MeshError(
        "UNIMPLEMENTED",
        `message is compressed with ${encoding}: what is read is ${ACCEPTED_ENCODINGS.replaceAll(",", ", ")}`,
      ),
      undefined,
    );
    return;
  }
  if (bytes.byteLength <= AT_ONCE_BYTES) {
    const atOnceBytes = Math.min(maxBytes, AT_ONCE_INFLATED_BYTES);
    let message: Uint8Array | undefined;
    let failure: unknown;
    try {
      message = format.atOnce(bytes, { maxOutputLength: outputLimit(atOnceBytes) });
    } catch (error) {
      failure = error;
    }
    if (message !== undefined) {
      finish(encoding, maxBytes, fitted(message), done);
      return;
    }
    if (!isTooLong(failure) || maxBytes <= atOnceBytes) {
      done(failed(encoding, maxBytes, failure), undefined);
      return;
    }
  }
  const options = { maxOutputLength: outputLimit(maxBytes), chunkSize: CHUNK_BYTES };
  format.later(bytes, options, (error, message) => {
    if (error === null) finish(encoding, maxBytes, message, done);
    else done(failed(encoding, maxBytes, error), undefined);
  });
}

/** A message as gzip. Takes 20 to 60 microseconds up to 4 KiB and some 5 milliseconds for a megabyte, at once. */
export function gzip(bytes: Uint8Array): Uint8Array {
  return zlib.gzipSync(bytes, { level: GZIP_LEVEL });
}

interface Format {
  atOnce(bytes: Uint8Array, options: zlib.ZlibOptions): Buffer;
  later(bytes: Uint8Array, options: zlib.ZlibOptions, done: (error: Error | null, message: Buffer) => void): void;
}

const GZIP: Format = { atOnce: zlib.gunzipSync, later: zlib.gunzip };
const ZLIB: Format = { atOnce: zlib.inflateSync, later: zlib.inflate };
const RAW: Format = { atOnce: zlib.inflateRawSync, later: zlib.inflateRaw };

function formatOf(encoding: string, bytes: Uint8Array): Format | undefined {
  if (encoding === "gzip") return GZIP;
  if (encoding !== "deflate") return undefined;
  // "deflate" means zlib's format (RFC 1950), but some write the bare one (RFC 1951), which cannot begin like this unless
  // its first block is stored and filled up with ones.
  const [method = 0, flags = 0] = bytes;
  return (method & 0x0f) === 8 && (method * 256 + flags) % 31 === 0 ? ZLIB : RAW;
}

/** zlib takes no limit of 0. */
function outputLimit(maxBytes: number): number {
  return Math.max(1, Math.min(maxBytes, constants.MAX_LENGTH));
}

function isTooLong(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
}

/** The message without the rest of the 16 KiB that zlib made for it. */
function fitted(message: Uint8Array): Uint8Array {
  if (message.byteLength * 2 >= message.buffer.byteLength) return message;
  // Not from Buffer's pool, which is larger than what is let go in newer lines of Node.
  const kept = Buffer.allocUnsafeSlow(message.byteLength);
  kept.set(message);
  return kept;
}

function finish(encoding: string, maxBytes: number, message: Uint8Array, done: Inflated): void {
  if (message.byteLength > maxBytes) done(tooLong(encoding, maxBytes), undefined);
  else done(undefined, message);
}

function failed(encoding: string, maxBytes: number, error: unknown): MeshError {
  if (isTooLong(error)) return tooLong(encoding, maxBytes);
  const why = error instanceof Error ? error.message : String(error);
  return new MeshError("INTERNAL", `message is not ${encoding} as its call's headers say, or is cut off: ${why}`, {
    cause: error,
  });
}

function tooLong(encoding: string, maxBytes: number): MeshError {
  return new MeshError(
    "RESOURCE_EXHAUSTED",
    `message in ${encoding} inflates to more than the ${maxBytes} bytes that may be received`,
  );
}
