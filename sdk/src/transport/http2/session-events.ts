/** What a connection tells whoever uses it. */
import type { Http2Stream, StreamEvents } from "./http2-stream.ts";

/** Takes what happens on a connection. None of it throws. */
export interface SessionEvents {
  /** A peer's request: who takes what comes on its stream. At clients never called. */
  onRequest(stream: Http2Stream, fields: string[], last: boolean): StreamEvents;
  /** The peer has sent SETTINGS: the first time, and whenever they change. */
  onSettings(): void;
  /** A stream has ended, either way: there may be room for another. */
  onStreamEnded(): void;
  /** The peer takes no more streams; those it may have worked on go on. */
  onGoaway(code: number, reason: string): void;
  onPing(): void;
  /** The connection is given up or done: it takes no more streams. Before those that are open hear of it. */
  onLeaving(end: SessionEnd): void;
  /** Nothing comes any more; every stream has had its onReset. Called once. */
  onClosed(end: SessionEnd): void;
}

/** Why a connection ended. */
export interface SessionEnd {
  /**
   * Whose doing it was: "local" a shutdown() or an abort() of ours, "error" a peer's that we ended it for, "fault" an error
   * thrown by this process's own code, which was reported as a warning.
   */
  readonly by: "local" | "peer" | "error" | "socket" | "fault";
  /** Of the GOAWAY that ended it, either side's; NO_ERROR without one. */
  readonly code: number;
  /** Node's code of a socket's error, "ECONNRESET"; "" without one. */
  readonly socketCode: string;
  readonly reason: string;
}
