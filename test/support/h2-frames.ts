/** HTTP/2 frames as bytes, good and bad ones: written by hand, so that nothing of what is tested vouches for itself. */
import { FLAG, FRAME } from "../../sdk/src/transport/http2/protocol.ts";

export { ERROR, FLAG, FRAME, SETTING } from "../../sdk/src/transport/http2/protocol.ts";

const HEAD_BYTES = 9;
const NOTHING = Buffer.alloc(0);

/** @param length what the head says, when that is not what follows. */
export function frame(
  type: number,
  flags: number,
  id: number,
  payload: Uint8Array = NOTHING,
  length = payload.length,
): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

export function settings(...entries: (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(entries.length * 6);
  entries.forEach(([setting, value], at) => {
    payload.writeUInt16BE(setting, at * 6);
    payload.writeUInt32BE(value, at * 6 + 2);
  });
  return frame(FRAME.SETTINGS, 0, 0, payload);
}

export const SETTINGS_ACK = frame(FRAME.SETTINGS, FLAG.ACK, 0);

export function ping(text = "12345678", flags = 0): Buffer {
  return frame(FRAME.PING, flags, 0, Buffer.from(text, "latin1"));
}

export function data(id: number, body: Uint8Array | string, flags = 0): Buffer {
  return frame(FRAME.DATA, flags, id, typeof body === "string" ? Buffer.from(body) : body);
}

/** DATA with padding. */
export function paddedData(id: number, body: Uint8Array | string, padding: number, flags = 0): Buffer {
  const payload = Buffer.concat([Buffer.from([padding]), Buffer.from(body), Buffer.alloc(padding)]);
  return frame(FRAME.DATA, flags | FLAG.PADDED, id, payload);
}

export function headers(id: number, block: Uint8Array, flags: number = FLAG.END_HEADERS): Buffer {
  return frame(FRAME.HEADERS, flags, id, block);
}

export function continuation(id: number, block: Uint8Array, flags = 0): Buffer {
  return frame(FRAME.CONTINUATION, flags, id, block);
}

export function reset(id: number, code: number): Buffer {
  return frame(FRAME.RST_STREAM, 0, id, word(code));
}

export function windowUpdate(id: number, increment: number): Buffer {
  return frame(FRAME.WINDOW_UPDATE, 0, id, word(increment));
}

export function goaway(lastId: number, code: number, text = ""): Buffer {
  return frame(FRAME.GOAWAY, 0, 0, Buffer.concat([word(lastId), word(code), Buffer.from(text, "latin1")]));
}

export function priority(id: number, dependsOn = 0): Buffer {
  return frame(FRAME.PRIORITY, 0, id, Buffer.concat([word(dependsOn), Buffer.from([15])]));
}

/** A header block of literals that enter no table (RFC 7541, section 6.2.2), names and values up to 16 KiB. */
export function block(fields: readonly (readonly [string, string])[]): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of fields) parts.push(Buffer.from([0]), text(name), text(value));
  return Buffer.concat(parts);
}

/** What every request has, and more. */
export function request(path = "/", ...more: (readonly [string, string])[]): Buffer {
  return block([[":method", "POST"], [":scheme", "http"], [":path", path], [":authority", "test"], ...more]);
}

export function grpcRequest(path: string, ...more: (readonly [string, string])[]): Buffer {
  return request(path, ["te", "trailers"], ["content-type", "application/grpc"], ...more);
}

/** A message of gRPC's with its prefix. */
export function message(body: Uint8Array | string, compressed = 0, length?: number): Buffer {
  const bytes = Buffer.from(body);
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed;
  prefix.writeUInt32BE(length ?? bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  const { length } = bytes;
  if (length < 0x7f) return Buffer.concat([Buffer.from([length]), bytes]);
  const rest = length - 0x7f;
  const head = [0x7f];
  let left = rest;
  for (; left >= 0x80; left >>>= 7) head.push((left & 0x7f) | 0x80);
  head.push(left);
  return Buffer.concat([Buffer.from(head), bytes]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
