/**
 * Counts what a peer does that costs this side more than the peer (RFC 9113, section 10.5), and ends the connection with
 * ENHANCE_YOUR_CALM where it is too much. What a well-behaved peer does is never counted out: what it may do grows with
 * what it has done well.
 */
import type { Clock } from "../../call/clock.ts";
import type { Http2Limits } from "./limits.ts";
import type { Output } from "./output.ts";
import { ConnectionError, ERROR } from "./protocol.ts";
import type { SendScheduler } from "./send-scheduler.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Window updates that every peer may send, and for each stream opened and each DATA frame it was sent. */
const FREE_WINDOW_UPDATES = 100;
const WINDOW_UPDATES_PER_STREAM = 2;
/** For the longest frame, one of stream and connection each for every 8 KiB. */
const WINDOW_UPDATES_PER_FRAME = 64;
/** RST_STREAM for streams that are over already: it crossed their end. One for each stream, and these. */
const FREE_LATE_RESETS = 100;

export class PeerGuard {
  readonly #limits: Http2Limits;
  readonly #clock: Clock;
  readonly #resets: TokenBucket;
  readonly #controls: TokenBucket;
  /** What had been done for the peer when it sent its last control frame. */
  #done = 0;
  #emptyFrames = 0;
  #answers = 0;
  /** Where in what was sent the answers that are counted began. */
  #answersFrom = 0;
  #windowUpdates = 0;
  #lateResets = 0;

  constructor(limits: Http2Limits, clock: Clock) {
    const now = clock.now();
    this.#limits = limits;
    this.#clock = clock;
    this.#resets = new TokenBucket(limits.resetBurst, limits.resetsPerSecond, now);
    this.#controls = new TokenBucket(limits.controlBurst, limits.controlsPerSecond, now);
  }

  /** A stream of the peer's ended early, whoever reset it: an error of the peer's makes this side reset it. */
  reset(): void {
    if (!this.#resets.take(this.#clock.now()))
      throw tooMuch("streams were reset", `${this.#limits.resetBurst} at once`);
  }

  /** A stream of the peer's was answered and ended as it should. */
  served(): void {
    this.#resets.give(1);
  }

  /** The peer reset a stream that was over. */
  lateReset(streams: number): void {
    const allowed = FREE_LATE_RESETS + streams;
    if (++this.#lateResets > allowed) throw tooMuch("streams were reset that were over", `${allowed}`);
  }

  /**
   * A frame that is no part of a call: PING, SETTINGS, PRIORITY, GOAWAY, an answer to nothing, or one that is not known.
   * Each stream and each DATA frame allows one: peers that measure the connection send a PING for what comes.
   */
  control(streams: number, sentFrames: number): void {
    const done = streams + sentFrames;
    this.#controls.give(done - this.#done);
    this.#done = done;
    if (!this.#controls.take(this.#clock.now())) {
      throw tooMuch("control frames were sent", `${this.#limits.controlBurst} at once`);
    }
  }

  /** A frame that could carry something. */
  payload(bytes: number): void {
    if (bytes > 0) this.#emptyFrames = 0;
    else if (++this.#emptyFrames > this.#limits.maxEmptyFrames) {
      throw tooMuch("empty frames were sent", `${this.#limits.maxEmptyFrames} in a row`);
    }
  }

  windowUpdate(streams: number, sender: SendScheduler): void {
    const allowed =
      FREE_WINDOW_UPDATES + streams * WINDOW_UPDATES_PER_STREAM + sender.frames * WINDOW_UPDATES_PER_FRAME;
    if (++this.#windowUpdates > allowed) throw tooMuch("window updates were sent", `${allowed} for what it was sent`);
    if (sender.dribbled > this.#limits.maxDribbledFrames) {
      throw tooMuch("windows opened by a few bytes", `${this.#limits.maxDribbledFrames}`);
    }
  }

  /** An answer to a frame of the peer's is about to be sent. It waits until the socket has taken all that is before it. */
  answer(output: Output): void {
    if (output.takenBytes >= this.#answersFrom) {
      this.#answers = 0;
      this.#answersFrom = output.position;
    }
    if (++this.#answers > this.#limits.maxQueuedAnswers) {
      throw tooMuch("answers wait to be read", `${this.#limits.maxQueuedAnswers}`);
    }
  }
}

function tooMuch(what: string, most: string): ConnectionError {
  return new ConnectionError(ERROR.ENHANCE_YOUR_CALM, `too many ${what}: more than ${most}`);
}
