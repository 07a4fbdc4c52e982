/** What only time tells of a peer: that it is too slow with what it has begun, or takes nothing of what it asked for. */
import type { ControlReceiver } from "./control-receiver.ts";
import type { FrameParser } from "./frame-parser.ts";
import type { HeaderBlock } from "./header-block.ts";
import type { Http2Limits } from "./limits.ts";
import type { Output } from "./output.ts";
import { ConnectionError, ERROR } from "./protocol.ts";
import type { SendScheduler } from "./send-scheduler.ts";

export interface Watched {
  readonly limits: Http2Limits;
  readonly control: ControlReceiver;
  readonly block: HeaderBlock;
  readonly parser: FrameParser;
  readonly output: Output;
  readonly sender: SendScheduler;
}

export class PeerWatch {
  /** Whether what the peer sends is read: else it is not late. */
  reading = true;
  readonly #watched: Watched;
  readonly #bornAt: number;
  /** The frame that was incomplete at the last look, and since when. */
  #holds = 0;
  #heldSince = 0;
  /** How much the socket had taken at the last look, and since when it was no more. */
  #taken = 0;
  #takenAt: number;
  /** How many DATA frames had been sent at the last look, and since when there were no more. */
  #frames = 0;
  #framesAt: number;

  constructor(watched: Watched, now: number) {
    this.#watched = watched;
    this.#bornAt = now;
    this.#takenAt = now;
    this.#framesAt = now;
  }

  /** Called from time to time. Throws ConnectionError when the peer's time is over. */
  check(now: number): void {
    if (this.reading) {
      this.#handshake(now);
      this.#incomplete(now);
    } else {
      this.#heldSince = now;
      this.#watched.block.startedAt = now;
    }
    this.#stalled(now);
  }

  #handshake(now: number): void {
    const { limits, control } = this.#watched;
    const age = now - this.#bornAt;
    if (!control.settingsSeen) {
      if (age > limits.handshakeTimeoutMs)
        throw late(ERROR.PROTOCOL_ERROR, "no SETTINGS came", limits.handshakeTimeoutMs);
    } else if (!control.settingsAcked && age > limits.settingsTimeoutMs) {
      throw late(ERROR.SETTINGS_TIMEOUT, "SETTINGS were not acknowledged", limits.settingsTimeoutMs);
    }
  }

  #incomplete(now: number): void {
    const { limits, block, parser } = this.#watched;
    const most = limits.headerTimeoutMs;
    if (block.id !== 0 && now - block.startedAt > most) {
      throw late(ERROR.ENHANCE_YOUR_CALM, "header block was not completed", most);
    }
    if (!parser.holding || parser.holds !== this.#holds) {
      this.#holds = parser.holds;
      this.#heldSince = now;
    } else if (now - this.#heldSince > most) {
      throw late(ERROR.ENHANCE_YOUR_CALM, "frame was not completed", most);
    }
  }

  #stalled(now: number): void {
    const { limits, output, sender } = this.#watched;
    const most = limits.stallTimeoutMs;
    const taken = output.takenBytes;
    if (output.pendingBytes === 0 || taken !== this.#taken) {
      this.#taken = taken;
      this.#takenAt = now;
    } else if (now - this.#takenAt > most) {
      throw late(ERROR.ENHANCE_YOUR_CALM, "nothing that was sent was read", most);
    }
    if (sender.queuedBytes <= limits.maxQueuedBytes || sender.frames !== this.#frames) {
      this.#frames = sender.frames;
      this.#framesAt = now;
    } else if (now - this.#framesAt > most) {
      throw late(ERROR.ENHANCE_YOUR_CALM, `${sender.queuedBytes} bytes wait, and no window was opened for them`, most);
    }
  }
}

function late(code: number, what: string, afterMs: number): ConnectionError {
  return new ConnectionError(code, `${what} within ${afterMs} ms`);
}
