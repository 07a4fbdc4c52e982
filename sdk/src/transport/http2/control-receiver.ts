/** What the peer says of the connection as a whole: SETTINGS, PING and GOAWAY (RFC 9113, sections 6.5, 6.7 and 6.8). */
import { ConnectionError, ERROR, FLAG, FRAME, MAX_WINDOW_BYTES } from "./protocol.ts";
import type { SessionParts } from "./session-parts.ts";

const SETTING_BYTES = 6;
const NO_BYTES = Buffer.alloc(0);
/** Tells the PING of a shutdown from those of keepalive. */
const SHUTDOWN_PING = Buffer.from("shutdown", "latin1");
const KEEPALIVE_PING = Buffer.from("keepaliv", "latin1");

export class ControlReceiver {
  /** Whether the peer's SETTINGS have come. */
  settingsSeen = false;
  /** Whether the peer has acknowledged ours. */
  settingsAcked = false;
  readonly #parts: SessionParts;
  readonly #onShutdownPong: () => void;
  /** PINGs that the peer has yet to answer. */
  #pings = 0;

  /** @param onShutdownPong called when the PING of a shutdown has come back. */
  constructor(parts: SessionParts, onShutdownPong: () => void) {
    this.#parts = parts;
    this.#onShutdownPong = onShutdownPong;
  }

  ping(): void {
    this.#ping(KEEPALIVE_PING);
  }

  shutdownPing(): void {
    this.#ping(SHUTDOWN_PING);
  }

  settingsFrame(flags: number, payload: Buffer, start: number, end: number): void {
    if ((flags & FLAG.ACK) !== 0) {
      if (this.settingsAcked) this.#count();
      this.settingsAcked = true;
      return;
    }
    this.#count();
    const { role, limits, peer, encoder, sender, events } = this.#parts;
    const count = (end - start) / SETTING_BYTES;
    if (count > limits.maxSettings) {
      throw new ConnectionError(
        ERROR.ENHANCE_YOUR_CALM,
        `SETTINGS has ${count} entries, more than ${limits.maxSettings}`,
      );
    }
    const growth = peer.read(payload, start, end, role === "client");
    if (growth !== 0) this.#growWindows(growth);
    encoder.setMaxTableBytes(peer.leastHeaderTableBytes);
    encoder.setMaxTableBytes(peer.headerTableBytes);
    sender.peerMaxFrameBytes = peer.maxFrameBytes;
    this.#answer(FRAME.SETTINGS, NO_BYTES);
    this.settingsSeen = true;
    sender.pump();
    events.onSettings();
  }

  pingFrame(flags: number, payload: Buffer, start: number, end: number): void {
    if ((flags & FLAG.ACK) === 0) {
      this.#count();
      this.#answer(FRAME.PING, payload.subarray(start, end));
      return this.#parts.events.onPing();
    }
    if (this.#pings === 0) return this.#count();
    this.#pings--;
    if (payload.compare(SHUTDOWN_PING, 0, SHUTDOWN_PING.length, start, end) === 0) this.#onShutdownPong();
  }

  goawayFrame(payload: Buffer, start: number, end: number): void {
    this.#count();
    const { role, goaway, streams, events } = this.#parts;
    const reason = goaway.hear(payload, start, end);
    events.onGoaway(goaway.code, reason);
    if (role === "client") streams.loseAbove(goaway.lastWorkedOn, reason);
  }

  #ping(payload: Buffer): void {
    this.#pings++;
    this.#parts.output.frame(FRAME.PING, 0, 0, payload);
  }

  #growWindows(growth: number): void {
    const { streams, sender } = this.#parts;
    for (const stream of streams.open.values()) {
      stream.sendWindow += growth;
      if (stream.sendWindow > MAX_WINDOW_BYTES) {
        throw new ConnectionError(ERROR.FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE grew a window above 2^31-1");
      }
      sender.wake(stream);
    }
  }

  #count(): void {
    const { guard, streams, sender } = this.#parts;
    guard.control(streams.opened, sender.frames);
  }

  #answer(frame: number, payload: Buffer): void {
    const { guard, output } = this.#parts;
    guard.answer(output);
    output.frame(frame, FLAG.ACK, 0, payload);
  }
}
