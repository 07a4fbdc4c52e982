/**
 * The connection to one endpoint: dials, hands calls to a session with room, opens another when the first is full (gRFC
 * A105), and dials again when all are gone. A call that comes while there is no session waits for one.
 */
import type { Socket } from "node:net";
import { type Address, formatAddress, isUnixPath } from "../../call/address.ts";
import type { Timer } from "../../call/clock.ts";
import { STATUS_NUMBERS } from "../../call/status.ts";
import { MeshError } from "../../call/mesh-error.ts";
import type { SessionEnd } from "../http2/http2-session.ts";
import { ERROR, errorName } from "../http2/protocol.ts";
import { HUNG_UP_AT_ONCE, tlsFailure } from "../tls-failure.ts";
import type {
  ClientStream,
  Connection,
  ConnectionState,
  ConnectOptions,
  DisconnectError,
  OpenCall,
  OutgoingCall,
  StreamReceiver,
  UnaryReceiver,
} from "../transport.ts";
import { ClientSession, type SessionOwner } from "./client-session.ts";
import { dial } from "./dial.ts";
import { type CallOwner, NativeClientCall, tooLong } from "./native-client-call.ts";
import type { NativeEnvironment } from "./native-environment.ts";

/** First wait before dialling again; a restarted server is back within seconds. */
const INITIAL_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5_000;
const BACKOFF_FACTOR = 1.6;
/** Calls that wait would otherwise dial as often as they come, at a server that is full. */
const WIDEN_AGAIN_MS = 1_000;
/** Sessions that live shorter than this, one after another, do not show that the server is well: dialling again waits. */
const SHORT_LIFE_MS = 1_000;

export class NativeConnection implements Connection, SessionOwner, CallOwner {
  readonly maxReceiveMessageBytes: number;
  readonly maxSendMessageBytes: number;
  readonly #to: Address;
  readonly #options: ConnectOptions;
  readonly #environment: NativeEnvironment;
  readonly #sessions: ClientSession[] = [];
  /** The session that took the last call; most often it takes the next. */
  #current: ClientSession | undefined;
  /** Calls that wait for a session, with the message of those that are unary. */
  readonly #waiting = new Map<NativeClientCall, Uint8Array | undefined>();
  #state: ConnectionState = "idle";
  #giveUp: (() => void) | undefined;
  #dialTimer: Timer | undefined;
  /** When dialling has taken too long. */
  #dialUntil = 0;
  #backoffTimer: Timer | undefined;
  #backoffMs = INITIAL_BACKOFF_MS;
  #readySince = 0;
  #shortLived = false;
  /** A further connection that could not be had is not tried again before. */
  #widenFrom = -Infinity;
  #failure = "";
  /** After a server has said that PINGs come too often. */
  #keepaliveMs: number;

  constructor(to: Address, options: ConnectOptions, environment: NativeEnvironment) {
    this.#to = to;
    this.#options = options;
    this.#environment = environment;
    this.maxReceiveMessageBytes = options.limits.maxReceiveMessageBytes;
    this.maxSendMessageBytes = options.limits.maxSendMessageBytes;
    this.#keepaliveMs = environment.options.keepaliveMs;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  now(): number {
    return this.#options.clock.now();
  }

  connect(): void {
    if (this.#state === "idle") this.#dial();
  }

  unary(call: OutgoingCall, body: Uint8Array, receiver: UnaryReceiver): OpenCall {
    const native = new NativeClientCall(this, call, receiver, undefined);
    if (body.length > this.maxSendMessageBytes) {
      this.#refuse();
      const reason = tooLong(body.length, this.maxSendMessageBytes);
      queueMicrotask(() => native.cancel(STATUS_NUMBERS.RESOURCE_EXHAUSTED, reason));
      return native;
    }
    this.#place(native, body);
    return native;
  }

  open(call: OutgoingCall, receiver: StreamReceiver): ClientStream {
    const native = new NativeClientCall(this, call, undefined, receiver);
    this.#place(native, undefined);
    return native;
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#backoffTimer?.cancel();
    this.#endDial();
    this.#enter("closed", "subchannel shutdown");
    for (const call of this.#waiting.keys()) call.failUnsent(`connection to ${formatAddress(this.#to)} was closed`);
    for (const session of this.#sessions.slice()) session.http2.shutdown();
  }

  callEnded(call: NativeClientCall): void {
    this.#environment.wheel.remove(call);
    if (call.waits) {
      call.waits = false;
      this.#waiting.delete(call);
    }
  }

  sessionReady(session: ClientSession): void {
    if (this.#state === "closed") return;
    if (this.#state !== "ready") {
      this.#readySince = this.now();
      this.#enter("ready");
    }
    this.#current ??= session;
    if (this.#giveUp === undefined && this.#sessions.every(({ http2 }) => http2.ready)) this.#endDialTimer();
    this.#serveWaiting();
  }

  sessionRoom(session: ClientSession): void {
    if (this.#waiting.size > 0 && session.hasRoom) this.#serveWaiting();
  }

  /** What was opened for a rush goes when it is over. */
  sessionIdle(session: ClientSession): void {
    if (this.#sessions.filter(({ http2 }) => http2.ready).length < 2) return;
    this.#drop(session, "subchannel shutdown", "it was not needed any more");
    session.http2.shutdown();
  }

  sessionLeaving(session: ClientSession, code: number, reason: string): void {
    if (code === ERROR.ENHANCE_YOUR_CALM && reason.includes("too_many_pings")) this.#keepaliveMs *= 2;
    this.#drop(session, `GOAWAY ${errorName(code)}`, reason);
  }

  sessionClosed(session: ClientSession, end: SessionEnd): void {
    this.#environment.upkeep.remove(session);
    this.sessionLost(session, end);
  }

  sessionLost(session: ClientSession, end: SessionEnd): void {
    const silent = !session.http2.ready && end.by === "socket" && end.socketCode === "";
    this.#drop(session, disconnectError(end), silent ? HUNG_UP_AT_ONCE : end.reason);
  }

  #place(call: NativeClientCall, message: Uint8Array | undefined): void {
    const session = this.#pick();
    if (session !== undefined) {
      this.#environment.wheel.add(call);
      return call.start(session, message);
    }
    this.#refuse();
    if (this.#state === "failed") {
      queueMicrotask(() => call.failUnsent(this.#failure));
      return;
    }
    this.#environment.wheel.add(call);
    call.waits = true;
    // The memory is its owner's again when this returns.
    this.#waiting.set(call, message === undefined ? undefined : Uint8Array.prototype.slice.call(message));
    this.connect();
    if (this.#waiting.size === 1 && this.#dialTimer !== undefined) this.#setDialTimer();
    if (this.#state === "ready") this.#widen();
  }

  #refuse(): void {
    if (this.#state !== "closed") return;
    throw new MeshError("UNAVAILABLE", `connection to ${formatAddress(this.#to)} is closed`);
  }

  #pick(): ClientSession | undefined {
    if (this.#state !== "ready") return undefined;
    if (this.#current?.hasRoom === true) return this.#current;
    this.#current = this.#sessions.find((session) => session.hasRoom);
    return this.#current;
  }

  #serveWaiting(): void {
    for (const [call, message] of this.#waiting) {
      const session = this.#pick();
      if (session === undefined) return this.#widen();
      this.#waiting.delete(call);
      call.waits = false;
      call.start(session, message);
    }
  }

  /** Every stream that the server allows is taken: one more connection, if it may be. */
  #widen(): void {
    if (this.#giveUp !== undefined || this.#sessions.some((session) => !session.http2.ready)) return;
    if (this.now() < this.#widenFrom) return;
    if (this.#sessions.length < this.#environment.options.maxConnectionsPerEndpoint) this.#open();
  }

  #dial(): void {
    this.#enter("connecting");
    if (this.#state === "connecting") this.#open();
  }

  #open(): void {
    const { clock, tls } = this.#options;
    const { connectTimeoutMs } = this.#environment.options;
    this.#giveUp = dial(this.#to, tls, {
      onConnected: (socket) => {
        this.#giveUp = undefined;
        this.#connected(socket);
      },
      onFailed: (reason) => this.#dialFailed(reason),
    });
    this.#dialUntil = clock.now() + connectTimeoutMs;
    this.#setDialTimer();
  }

  /** A call that waits for a session keeps the process alive, as an open one does: it is the timer that holds it then. */
  #setDialTimer(): void {
    const { clock } = this.#options;
    const { connectTimeoutMs } = this.#environment.options;
    const reason = `no connection to ${formatAddress(this.#to)} within ${connectTimeoutMs} ms`;
    const late = (): void => this.#dialFailed(reason);
    const leftMs = this.#dialUntil - clock.now();
    this.#dialTimer?.cancel();
    this.#dialTimer = this.#waiting.size > 0 ? clock.setTimer(late, leftMs) : clock.setBackgroundTimer(late, leftMs);
  }

  #connected(socket: Socket): void {
    const { clock, tls } = this.#options;
    const { options, limits, upkeep } = this.#environment;
    const session = new ClientSession(this, {
      socket,
      authority: isUnixPath(this.#to.host) ? "localhost" : (tls?.serverName ?? formatAddress(this.#to)),
      scheme: tls === undefined ? "http" : "https",
      limits,
      clock,
      keepaliveMs: this.#keepaliveMs,
      keepaliveTimeoutMs: options.keepaliveTimeoutMs,
      keepaliveWithoutCalls: options.keepaliveWithoutCalls,
    });
    this.#sessions.push(session);
    upkeep.add(session, this.#environment.shortestClientMs);
  }

  #endDial(): void {
    const giveUp = this.#giveUp;
    this.#giveUp = undefined;
    this.#endDialTimer();
    giveUp?.();
  }

  #endDialTimer(): void {
    this.#dialTimer?.cancel();
    this.#dialTimer = undefined;
  }

  #dialFailed(reason: string): void {
    this.#endDial();
    for (const session of this.#sessions.slice()) if (!session.http2.ready) session.http2.abort(ERROR.NO_ERROR, reason);
    if (this.#state === "connecting") this.#fail(reason);
    else this.#widenFrom = this.now() + WIDEN_AGAIN_MS;
  }

  /** A session is not to be given calls any more. */
  #drop(session: ClientSession, cause: DisconnectError, reason: string): void {
    const at = this.#sessions.indexOf(session);
    if (at < 0) return;
    this.#sessions.splice(at, 1);
    if (this.#current === session) this.#current = undefined;
    if (!session.http2.ready) this.#widenFrom = this.now() + WIDEN_AGAIN_MS;
    if (this.#state === "closed" || this.#sessions.some((other) => other.http2.ready)) return;
    if (this.#state === "connecting") {
      // Another is on its way.
      if (this.#giveUp !== undefined || this.#sessions.length > 0) return;
      this.#endDial();
      // A server refuses a certificate only after the handshake, as far as this side is concerned (TLS 1.3).
      const why = this.#options.tls === undefined ? reason : (tlsFailure(reason) ?? reason);
      return this.#fail(`no connection to ${formatAddress(this.#to)}: ${why}`);
    }
    if (this.#state !== "ready") return;
    const long = this.now() - this.#readySince >= SHORT_LIFE_MS;
    const again = this.#shortLived;
    this.#shortLived = !long;
    if (!long && again) return this.#fail(`connection to ${formatAddress(this.#to)} was lost: ${reason}`, cause);
    this.#backoffMs = INITIAL_BACKOFF_MS;
    this.#enter("connecting", cause);
    // One that was opened for a rush may be on its way.
    if (this.#giveUp === undefined && this.#sessions.length === 0) this.#open();
  }

  #fail(reason: string, cause?: DisconnectError): void {
    this.#failure = reason;
    this.#enter("failed", cause);
    for (const call of this.#waiting.keys()) call.failUnsent(reason);
    // ±20 %, as gRPC's connection backoff has it, lest all clients of a server dial at once.
    const jittered = this.#backoffMs * (0.8 + 0.4 * this.#environment.random());
    this.#backoffMs = Math.min(this.#backoffMs * BACKOFF_FACTOR, MAX_BACKOFF_MS);
    this.#backoffTimer = this.#options.clock.setBackgroundTimer(() => {
      if (this.#state === "failed") this.#dial();
    }, jittered);
  }

  #enter(state: ConnectionState, cause?: DisconnectError): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onStateChange(state, cause);
  }
}

function disconnectError(end: SessionEnd): DisconnectError {
  if (end.code !== ERROR.NO_ERROR) return `GOAWAY ${errorName(end.code)}`;
  if (end.by === "local" && end.socketCode === "") return "subchannel shutdown";
  switch (end.socketCode) {
    case "":
      return "unknown";
    case "ECONNRESET":
    case "EPIPE":
      return "connection reset";
    case "ETIMEDOUT":
      return "connection timed out";
    case "ECONNABORTED":
      return "connection aborted";
    default:
      return "socket error";
  }
}
