/** One connection from a client: its requests become calls, and its life is watched over. */
import type { Socket } from "node:net";
import type { Clock } from "../../call/clock.ts";
import type { MeshError } from "../../call/mesh-error.ts";
import { Http2Session, type SessionEvents } from "../http2/http2-session.ts";
import type { Http2Stream, StreamEvents } from "../http2/http2-stream.ts";
import { ERROR } from "../http2/protocol.ts";
import type { Dispatch, ServerMethod, TransportLimits } from "../transport.ts";
import { HeaderTemplate } from "./header-template.ts";
import { Keepalive } from "./keepalive.ts";
import type { NativeEnvironment } from "./native-environment.ts";
import { NativeServerCall } from "./native-server-call.ts";
import type { Kept } from "./upkeep.ts";

export interface ServerSessionOptions {
  readonly socket: Socket;
  readonly limits: TransportLimits;
  readonly clock: Clock;
  readonly dispatch: Dispatch;
  readonly unknown: ServerMethod | undefined;
  readonly environment: NativeEnvironment;
  onClosed(session: ServerSession): void;
}

/** PINGs that come too early before the client is told to calm down (gRFC A8). */
const MAX_PING_STRIKES = 2;
const AGE_JITTER = 0.1;

export class ServerSession implements SessionEvents, Kept {
  readonly http2: Http2Session;
  readonly options: ServerSessionOptions;
  /** "host:port" of the client. */
  readonly peer: string;
  readonly responseHead: HeaderTemplate;
  readonly compressedHead: HeaderTemplate;
  readonly okTrailers: HeaderTemplate;
  readonly #calls = new Set<NativeServerCall>();
  readonly #keepalive: Keepalive;
  /** When it has lived long enough. */
  readonly #oldAt: number;
  #idleSince: number;
  #cutAt = Infinity;
  #pingedAt = -Infinity;
  #pingStrikes = 0;

  constructor(options: ServerSessionOptions) {
    const { socket, clock, environment } = options;
    const { serverKeepaliveMs, keepaliveTimeoutMs, maxConnectionAgeMs } = environment.options;
    const now = clock.now();
    this.options = options;
    this.peer = peerOf(socket);
    this.#idleSince = now;
    this.#oldAt = now + maxConnectionAgeMs * (1 - AGE_JITTER + 2 * AGE_JITTER * environment.random());
    this.#keepalive = new Keepalive(serverKeepaliveMs, keepaliveTimeoutMs, now);
    this.http2 = new Http2Session({ role: "server", socket, limits: environment.limits, clock, events: this });
    this.responseHead = new HeaderTemplate(this.http2, [":status", "200", "content-type", "application/grpc"]);
    this.compressedHead = new HeaderTemplate(this.http2, ["grpc-encoding", "gzip"]);
    this.okTrailers = new HeaderTemplate(this.http2, ["grpc-status", "0"]);
  }

  onRequest(stream: Http2Stream, fields: string[]): StreamEvents {
    const call = new NativeServerCall(this, stream);
    this.#calls.add(call);
    call.begin(fields);
    return call;
  }

  /** The call's handler has done its part. */
  callEnded(call: NativeServerCall): void {
    this.#calls.delete(call);
    this.options.environment.wheel.remove(call);
  }

  /** Tells every call that the server stops. */
  stopCalls(reason: MeshError): void {
    for (const call of this.#calls) call.stop(reason);
  }

  /** Something was sent: a client may ask whether it is still there (gRFC A8). */
  sent(): void {
    this.#pingStrikes = 0;
  }

  check(now: number): void {
    const { http2 } = this;
    const { environment } = this.options;
    const { maxConnectionIdleMs, maxConnectionAgeGraceMs, keepaliveTimeoutMs } = environment.options;
    http2.check(now);
    if (!http2.ready) return;
    if (now >= this.#cutAt) return http2.abort(ERROR.NO_ERROR, "max_age");
    if (http2.open) {
      if (http2.streams > 0) this.#idleSince = now;
      if (now >= this.#oldAt) {
        this.#cutAt = now + maxConnectionAgeGraceMs;
        http2.shutdown(ERROR.NO_ERROR, "max_age");
      } else if (now - this.#idleSince >= maxConnectionIdleMs) {
        http2.shutdown(ERROR.NO_ERROR, "max_idle");
      }
    }
    const next = this.#keepalive.next(now, http2.reads, true);
    if (next === "ping") http2.ping();
    else if (next === "dead") {
      http2.abort(ERROR.NO_ERROR, `peer did not answer a PING within ${keepaliveTimeoutMs} ms`, "ETIMEDOUT");
    }
  }

  onSettings(): void {}

  onStreamEnded(): void {}

  onGoaway(): void {}

  /** Keepalive may cost a server only so much (gRFC A8): 2 h between PINGs without calls would do. */
  onPing(): void {
    const { clock, environment } = this.options;
    const now = clock.now();
    const early = now - this.#pingedAt < environment.options.minPingIntervalMs;
    this.#pingedAt = now;
    if (early && ++this.#pingStrikes > MAX_PING_STRIKES) {
      this.http2.abort(ERROR.ENHANCE_YOUR_CALM, "too_many_pings");
    }
  }

  onLeaving(): void {}

  onClosed(): void {
    this.options.onClosed(this);
  }
}

function peerOf(socket: Socket): string {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined) return "unix:";
  return remoteAddress.includes(":") ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}
