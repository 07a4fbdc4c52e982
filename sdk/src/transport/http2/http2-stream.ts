/** One stream of a connection (RFC 9113, section 5.1): its two halves, its windows, and what waits to be sent on it. */

/** Takes what happens on a stream. None of it throws. */
export interface StreamEvents {
  /**
   * A header list: the request or the response first, then trailers. Interim responses (1xx) do not come.
   *
   * @param last whether the peer's half ends with it; onEnd follows.
   */
  onHeaders(fields: string[], last: boolean): void;
  /** Bytes of DATA, in memory that something else is read into as soon as this returns. consume() gives their credit back. */
  onData(chunk: Buffer, start: number, end: number): void;
  /** The peer's half has ended as it should. */
  onEnd(): void;
  /** What waited to be sent has been written. */
  onDrain(): void;
  /**
   * The stream is no more, and nothing else comes: it was reset by either side, or its connection went.
   *
   * @param code of RFC 9113, section 7, or CONNECTION_LOST.
   * @param processed false when the peer provably did nothing with it.
   */
  onReset(code: number, reason: string, processed: boolean): void;
}

/** For onReset: the connection ended without a word about the stream. */
export const CONNECTION_LOST = -1;

/** The fields are the session's to write. */
export class Http2Stream {
  readonly id: number;
  events: StreamEvents;
  /** What may be sent. SETTINGS can make it negative (section 6.9.2). */
  sendWindow: number;
  /** What the peer may send. */
  receiveWindow: number;
  /** Bytes that have arrived and were not consumed. */
  held = 0;
  /** Bytes that were consumed and not yet given back to the peer. */
  unreturned = 0;
  /** This side has sent END_STREAM, or the stream is no more. */
  localDone = false;
  /** The peer has. */
  remoteDone = false;
  /** The request or response has come: what comes next are trailers. */
  headReceived = false;
  /** Bytes of content that content-length promised and that have not come; negative when it promised nothing. */
  contentLeft = -1;
  /** What waits to be sent: the first part from queueAt on, then the others. */
  queue: Uint8Array[] | undefined;
  queueAt = 0;
  queuedBytes = 0;
  /** END_STREAM goes with the last of the queue. */
  endQueued = false;
  /** The next in turn to send, and the one before. */
  next: Http2Stream | undefined;
  before: Http2Stream | undefined;
  inTurn = false;

  constructor(id: number, events: StreamEvents, sendWindow: number, receiveWindow: number) {
    this.id = id;
    this.events = events;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }
}
