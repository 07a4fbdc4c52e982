/**
 * What a peer may ask of a connection. Peers are authenticated at best, never trusted, and a server can attack a client
 * as well: both sides hold both to the same limits. Each names what it costs to break it: the stream (RST_STREAM) or the
 * connection (GOAWAY with ENHANCE_YOUR_CALM unless another code is said), never the process.
 */
import { MeshError } from "../../call/mesh-error.ts";
import { DEFAULT_WINDOW_BYTES, MAX_MAX_FRAME_BYTES, MAX_WINDOW_BYTES, MIN_MAX_FRAME_BYTES } from "./protocol.ts";

/** Breaking one has its price, said with each. */
export interface Http2Limits {
  /** Bytes of one frame's payload that are accepted: SETTINGS_MAX_FRAME_SIZE, 16,384 to 16,777,215. Default 256 KiB. Connection: FRAME_SIZE_ERROR. */
  readonly maxFrameBytes: number;
  /**
   * Bytes that a stream may send before they are consumed: SETTINGS_INITIAL_WINDOW_SIZE, 65,535 to 2^31-1. Default 1 MiB.
   * Stream: FLOW_CONTROL_ERROR.
   */
  readonly streamWindowBytes: number;
  /** The same for all streams of a connection together. Default 4 MiB. Connection: FLOW_CONTROL_ERROR. */
  readonly connectionWindowBytes: number;
  /**
   * Bytes of all streams that have arrived and were not consumed above which the connection's window is not opened
   * again, so that slow readers bound memory. Default 16 MiB.
   */
  readonly maxHeldBytes: number;
  /**
   * Streams that the peer may have open at a time, those it has reset while they are still worked on included
   * (CVE-2023-39325): SETTINGS_MAX_CONCURRENT_STREAMS. Default 1,000. Stream: REFUSED_STREAM.
   */
  readonly maxConcurrentStreams: number;
  /** Decoded bytes of one header list, 32 for each field included: SETTINGS_MAX_HEADER_LIST_SIZE. Default 16 KiB. Stream: ENHANCE_YOUR_CALM. */
  readonly maxHeaderListBytes: number;
  /** Fields of one header list, since each costs memory however short it is (CVE-2026-49975). Default 128. Stream: ENHANCE_YOUR_CALM. */
  readonly maxHeaderFields: number;
  /** Bytes of one header block as it comes, HEADERS and CONTINUATION together. Default 64 KiB. Connection. */
  readonly maxHeaderBlockBytes: number;
  /** CONTINUATION frames of one header block (CVE-2024-27316). Default 8. Connection. */
  readonly maxContinuations: number;
  /**
   * Bytes of the table that the peer may have us keep for its headers: SETTINGS_HEADER_TABLE_SIZE, 4,096 or more. Default
   * 4,096. Connection: COMPRESSION_ERROR.
   */
  readonly headerTableBytes: number;
  /** Streams that the peer may make us give up early (CVE-2023-44487, CVE-2025-8671): this many at once … Default 1,000. Connection. */
  readonly resetBurst: number;
  /**
   * … and so many more each second; each stream that is answered and ends by itself allows one more as well. Default 500:
   * a slow server whose callers all run into their deadlines must not lose its connections over it.
   */
  readonly resetsPerSecond: number;
  /** PING, SETTINGS, PRIORITY, GOAWAY and unknown frames (CVE-2019-9512, -9515, -9513): this many at once … Default 500. Connection. */
  readonly controlBurst: number;
  /** … and so many more each second; each stream and each DATA frame that the peer is sent allows one more. Default 100. */
  readonly controlsPerSecond: number;
  /** Settings in one SETTINGS frame. Default 32. Connection. */
  readonly maxSettings: number;
  /** Frames in a row that carry nothing (CVE-2019-9518). Default 100. Connection. */
  readonly maxEmptyFrames: number;
  /**
   * DATA frames of less than 64 bytes that the peer's windows cut from more, above the longer ones it was sent
   * (CVE-2019-9511). Default 100. Connection.
   */
  readonly maxDribbledFrames: number;
  /**
   * Bytes of DATA that may wait for the peer's windows: above, new streams of its are refused, and it must take some within
   * stallTimeoutMs (CVE-2019-9517). Default 64 MiB. Stream: REFUSED_STREAM; connection.
   */
  readonly maxQueuedBytes: number;
  /**
   * Bytes that may wait in the socket because the peer does not read: above, a server reads nothing more from it. Above
   * 2 MiB, since DATA may fill so much. Default 4 MiB. Time, by stallTimeoutMs.
   */
  readonly maxUnreadBytes: number;
  /** Answers to the peer's frames that wait because it does not read (CVE-2019-9514). Default 1,000. Connection. */
  readonly maxQueuedAnswers: number;
  /** Milliseconds for a TLS handshake, and again for the preface and the first SETTINGS. Default 10,000. Connection: PROTOCOL_ERROR. */
  readonly handshakeTimeoutMs: number;
  /** Milliseconds for the ACK of our SETTINGS. Default 10,000. Connection: SETTINGS_TIMEOUT. */
  readonly settingsTimeoutMs: number;
  /** Milliseconds for a header block, or a frame other than DATA, to become complete. Default 10,000. Connection. */
  readonly headerTimeoutMs: number;
  /**
   * Milliseconds during which nothing of what waits to be written is taken (slow reads, CVE-2016-1546). A peer takes up to
   * a megabyte at a time. Default 30,000. Connection.
   */
  readonly stallTimeoutMs: number;
}

export const DEFAULT_HTTP2_LIMITS: Http2Limits = {
  maxFrameBytes: 256 * 1024,
  streamWindowBytes: 1024 * 1024,
  connectionWindowBytes: 4 * 1024 * 1024,
  maxHeldBytes: 16 * 1024 * 1024,
  maxConcurrentStreams: 1000,
  maxHeaderListBytes: 16 * 1024,
  maxHeaderFields: 128,
  maxHeaderBlockBytes: 64 * 1024,
  maxContinuations: 8,
  headerTableBytes: 4096,
  resetBurst: 1000,
  resetsPerSecond: 500,
  controlBurst: 500,
  controlsPerSecond: 100,
  maxSettings: 32,
  maxEmptyFrames: 100,
  maxDribbledFrames: 100,
  maxQueuedBytes: 64 * 1024 * 1024,
  maxUnreadBytes: 4 * 1024 * 1024,
  maxQueuedAnswers: 1000,
  handshakeTimeoutMs: 10_000,
  settingsTimeoutMs: 10_000,
  headerTimeoutMs: 10_000,
  stallTimeoutMs: 30_000,
};

/** What HTTP/2 itself, or the rest of this folder, makes of some of them (RFC 9113, section 6.5.2). */
const RANGES: Partial<Record<keyof Http2Limits, readonly [number, number]>> = {
  maxFrameBytes: [MIN_MAX_FRAME_BYTES, MAX_MAX_FRAME_BYTES],
  streamWindowBytes: [DEFAULT_WINDOW_BYTES, MAX_WINDOW_BYTES],
  connectionWindowBytes: [DEFAULT_WINDOW_BYTES, MAX_WINDOW_BYTES],
  headerTableBytes: [4096, MAX_WINDOW_BYTES],
  maxUnreadBytes: [2 * 1024 * 1024, Infinity],
};

/** Limits with those that are given in place of the defaults. Throws INVALID_ARGUMENT for one that cannot be. */
export function completeLimits(given: Partial<Http2Limits> = {}): Http2Limits {
  const limits: Record<keyof Http2Limits, number> = { ...DEFAULT_HTTP2_LIMITS };
  for (const [name, value] of Object.entries(given) as [keyof Http2Limits, number | undefined][]) {
    if (value === undefined) continue;
    const [least, most] = RANGES[name] ?? [0, Infinity];
    if (!(name in DEFAULT_HTTP2_LIMITS)) throw invalid(name, "is no limit of HTTP/2");
    if (!(value >= least && value <= most)) throw invalid(name, `is ${value}, not ${least} to ${most}`);
    limits[name] = value;
  }
  return limits;
}

function invalid(name: string, what: string): MeshError {
  return new MeshError("INVALID_ARGUMENT", `http2.${name} ${what}: see Http2Limits for what can be set`);
}
