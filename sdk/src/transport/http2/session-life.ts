/**
 * How a connection ends (RFC 9113, sections 5.4.1 and 6.8): gracefully, for an error of the peer's, for one of this side's
 * own, or with its socket. Whatever comes first counts; every stream hears of it, and the user once.
 */
import type { Duplex } from "node:stream";
import type { Clock } from "../../call/clock.ts";
import type { ControlReceiver } from "./control-receiver.ts";
import type { FrameParser } from "./frame-parser.ts";
import type { Goaway } from "./goaway.ts";
import { HpackError } from "./hpack/hpack-error.ts";
import type { Output } from "./output.ts";
import { ConnectionError, ERROR, MAX_STREAM_ID } from "./protocol.ts";
import type { SessionEnd, SessionEvents } from "./session-events.ts";
import type { Streams } from "./streams.ts";

export interface SessionLifeOptions {
  readonly role: "client" | "server";
  readonly socket: Duplex;
  readonly clock: Clock;
  readonly events: SessionEvents;
  readonly output: Output;
  readonly parser: FrameParser;
  readonly streams: Streams;
  readonly goaway: Goaway;
  readonly control: ControlReceiver;
}

/** How long a socket may take its last words before it is cut off. */
const LINGER_MS = 1000;
/** Ends a graceful shutdown's first step when the peer does not answer its PING. */
const SHUTDOWN_PING_MS = 1000;

export class SessionLife {
  /** "leaving": its end is decided, and the last words go out. */
  state: "open" | "leaving" | "closed" = "open";
  readonly #options: SessionLifeOptions;
  readonly #goaway: Goaway;
  readonly #streams: Streams;
  /** Of a graceful shutdown: when its first step is over at the latest. */
  #secondStepAt = Infinity;
  #shutdownCode: number = ERROR.NO_ERROR;
  #shutdownReason = "";
  #destroyAt = Infinity;
  #end: SessionEnd | undefined;
  #socketError: NodeJS.ErrnoException | undefined;

  constructor(options: SessionLifeOptions) {
    this.#options = options;
    this.#goaway = options.goaway;
    this.#streams = options.streams;
    const { socket } = options;
    socket.on("error", (error) => (this.#socketError ??= error));
    socket.on("end", () => this.#socketEnded());
    socket.on("close", () => this.#socketClosed());
  }

  /** Whether either side has said that it takes no more streams. */
  get draining(): boolean {
    return this.#goaway.said || this.#goaway.heard;
  }

  /** In two steps at a server, so that what was on its way is still served. */
  shutdown(code: number, reason: string): void {
    if (this.state !== "open" || this.#goaway.said) return;
    const { role, control, clock } = this.#options;
    this.#shutdownCode = code;
    this.#shutdownReason = reason;
    // Of a server's streams there are none to wait for, and an odd id for the last of them is an error (nghttp2).
    if (role === "client" || !control.settingsSeen) return this.secondStep();
    this.#goaway.say(MAX_STREAM_ID, code, reason);
    control.shutdownPing();
    this.#secondStepAt = clock.now() + SHUTDOWN_PING_MS;
  }

  /** What was on its way when the shutdown began has come: nothing else is taken. */
  secondStep(): void {
    if (this.state !== "open" || this.#streams.ignoresNew) return;
    this.#secondStepAt = Infinity;
    this.#streams.ignoresNew = true;
    this.#goaway.say(this.#streams.lastPeerId, this.#shutdownCode, this.#shutdownReason);
    this.leaveIfDone();
  }

  /** Called when a stream has ended, or the peer has said GOAWAY. */
  leaveIfDone(): void {
    if (!this.draining || this.#streams.open.size > 0 || this.#secondStepAt !== Infinity) return;
    const { said, code } = this.#goaway;
    this.leave({ by: said ? "local" : "peer", code, socketCode: "", reason: "connection was shut down" });
  }

  /** What the peer sent broke a rule, or a callback threw. */
  failBy(error: unknown): void {
    if (error instanceof ConnectionError) {
      this.leave({ by: "error", code: error.code, socketCode: "", reason: error.message });
    } else if (error instanceof HpackError) {
      this.leave({ by: "error", code: ERROR.COMPRESSION_ERROR, socketCode: "", reason: error.message });
    } else {
      this.fault(error);
    }
  }

  /** This side's own code threw: that costs the connection, not the process, and is not kept quiet. */
  fault(error: unknown): void {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.emitWarning("an HTTP/2 connection was given up because a callback of its own side threw", { detail });
    const reason = "connection failed by an error of this side";
    this.leave({ by: "fault", code: ERROR.INTERNAL_ERROR, socketCode: "", reason });
  }

  /** Everything that was said goes out; the peer may close then, or is cut off. */
  leave(end: SessionEnd): void {
    if (this.state !== "open") return;
    const { socket, clock, output, parser } = this.#options;
    this.state = "leaving";
    this.#end = end;
    parser.stop();
    // What the peer said first is not said back to it.
    const code = end.by === "peer" || end.by === "socket" ? ERROR.NO_ERROR : end.code;
    this.#goaway.say(this.#streams.lastPeerId, code, end.reason);
    this.#streams.ignoresNew = true;
    output.flush();
    output.close();
    this.#destroyAt = clock.now() + LINGER_MS;
    socket.end();
    // What still comes is read, lest the peer's system drops our last words for it.
    socket.resume();
    try {
      this.#options.events.onLeaving(end);
    } finally {
      this.#streams.loseAll(end.reason, this.#goaway.lastWorkedOn);
    }
  }

  /** Called from time to time. */
  check(now: number): void {
    if (now >= this.#destroyAt) this.#options.socket.destroy();
    else if (now >= this.#secondStepAt) this.secondStep();
  }

  /**
   * The peer writes no more, so what it has not finished it never will, and nobody knows whether it still reads: calls are
   * over, as when it is gone. What was handed to the socket is still delivered.
   */
  #socketEnded(): void {
    if (this.state === "open") this.leave(this.#socketEnd());
  }

  #socketClosed(): void {
    if (this.state === "closed") return;
    const { output, parser, events } = this.#options;
    const end = (this.#end ??= this.#socketEnd());
    this.state = "closed";
    output.close();
    parser.stop();
    this.#streams.loseAll(end.reason, this.#goaway.lastWorkedOn);
    try {
      events.onClosed(end);
    } catch (error) {
      this.fault(error);
    }
  }

  #socketEnd(): SessionEnd {
    const error = this.#socketError;
    const reason = error === undefined ? "connection was closed by the peer" : `connection failed: ${error.message}`;
    return { by: "socket", code: this.#goaway.code, socketCode: error?.code ?? "", reason };
  }
}
