/** SETTINGS (RFC 9113, section 6.5): what the peer has said, and what we say. */
import type { Http2Limits } from "./limits.ts";
import {
  ConnectionError,
  DEFAULT_WINDOW_BYTES,
  ERROR,
  MAX_MAX_FRAME_BYTES,
  MAX_WINDOW_BYTES,
  MIN_MAX_FRAME_BYTES,
  SETTING,
} from "./protocol.ts";

const SETTING_BYTES = 6;
/** A limit of Infinity is said so. */
const MAX_VALUE = 2 ** 32 - 1;

/** The peer's settings; RFC 9113's initial values until it sends some. */
export class PeerSettings {
  headerTableBytes = 4096;
  /** The least that the last frame said: an encoder has to tell of it (RFC 7541, section 4.2). */
  leastHeaderTableBytes = 4096;
  /** Unlimited until the peer says otherwise; it has said so once SETTINGS have come. */
  maxConcurrentStreams = Infinity;
  initialWindowBytes = DEFAULT_WINDOW_BYTES;
  maxFrameBytes = MIN_MAX_FRAME_BYTES;
  maxHeaderListBytes = Infinity;

  /**
   * Reads a frame's payload.
   *
   * @returns by how much the initial window has grown.
   * Throws ConnectionError for values that are out of range, and for a server that wants to push.
   */
  read(payload: Buffer, start: number, end: number, sentByServer: boolean): number {
    const before = this.initialWindowBytes;
    this.leastHeaderTableBytes = this.headerTableBytes;
    for (let at = start; at < end; at += SETTING_BYTES) {
      this.#set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2), sentByServer);
    }
    return this.initialWindowBytes - before;
  }

  #set(setting: number, value: number, sentByServer: boolean): void {
    switch (setting) {
      case SETTING.HEADER_TABLE_SIZE:
        this.headerTableBytes = value;
        this.leastHeaderTableBytes = Math.min(this.leastHeaderTableBytes, value);
        break;
      case SETTING.ENABLE_PUSH:
        if (value > 1 || (sentByServer && value === 1)) {
          throw new ConnectionError(ERROR.PROTOCOL_ERROR, `SETTINGS_ENABLE_PUSH of ${value} is not allowed`);
        }
        break;
      case SETTING.MAX_CONCURRENT_STREAMS:
        this.maxConcurrentStreams = value;
        break;
      case SETTING.INITIAL_WINDOW_SIZE:
        if (value > MAX_WINDOW_BYTES) {
          throw new ConnectionError(
            ERROR.FLOW_CONTROL_ERROR,
            `SETTINGS_INITIAL_WINDOW_SIZE of ${value} is above 2^31-1`,
          );
        }
        this.initialWindowBytes = value;
        break;
      case SETTING.MAX_FRAME_SIZE:
        if (value < MIN_MAX_FRAME_BYTES || value > MAX_MAX_FRAME_BYTES) {
          throw new ConnectionError(ERROR.PROTOCOL_ERROR, `SETTINGS_MAX_FRAME_SIZE of ${value} is not 16384 to 2^24-1`);
        }
        this.maxFrameBytes = value;
        break;
      case SETTING.MAX_HEADER_LIST_SIZE:
        this.maxHeaderListBytes = value;
        break;
      default: // Settings that are not known are ignored (section 6.5.2).
    }
  }
}

/** The payload of our SETTINGS. Clients say nothing of streams, since servers may open none: push is off. */
export function settingsPayload(limits: Http2Limits, role: "client" | "server"): Buffer {
  const settings: (readonly [number, number])[] = [
    [SETTING.HEADER_TABLE_SIZE, limits.headerTableBytes],
    role === "client"
      ? [SETTING.ENABLE_PUSH, 0]
      : [SETTING.MAX_CONCURRENT_STREAMS, Math.min(limits.maxConcurrentStreams, MAX_WINDOW_BYTES)],
    [SETTING.INITIAL_WINDOW_SIZE, limits.streamWindowBytes],
    [SETTING.MAX_FRAME_SIZE, limits.maxFrameBytes],
    [SETTING.MAX_HEADER_LIST_SIZE, limits.maxHeaderListBytes],
  ];
  const payload = Buffer.alloc(settings.length * SETTING_BYTES);
  settings.forEach(([setting, value], at) => {
    payload.writeUInt16BE(setting, at * SETTING_BYTES);
    payload.writeUInt32BE(Math.min(Math.floor(value), MAX_VALUE), at * SETTING_BYTES + 2);
  });
  return payload;
}
