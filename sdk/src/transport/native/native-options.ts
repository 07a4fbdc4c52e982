/** What the native transport can be told. Every option has a default that is safe against peers that are not. */
import type { Random } from "../../call/random.ts";
import type { Http2Limits } from "../http2/limits.ts";

export interface NativeTransportOptions {
  /** Bounds on what a peer may do to a connection, at clients and servers alike. Defaults: see Http2Limits. */
  readonly http2?: Partial<Http2Limits>;
  /** Milliseconds to connect, the TLS handshake and the peer's first SETTINGS included. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /**
   * Connections to one endpoint: another is opened when the streams of the first are used up (gRFC A105). 1 or more.
   * Default 4.
   */
  readonly maxConnectionsPerEndpoint?: number;
  /**
   * Milliseconds without a byte from the server after which a client sends a PING while calls are open (gRFC A8). Servers
   * count PINGs more often than every 5 minutes as abuse unless told otherwise. Default Infinity: none.
   */
  readonly keepaliveMs?: number;
  /** Milliseconds to wait for the answer to a PING before the connection is given up. Default 20,000. */
  readonly keepaliveTimeoutMs?: number;
  /** Whether a client sends PINGs while no call is open. Default false. */
  readonly keepaliveWithoutCalls?: boolean;
  /** At servers: milliseconds without a byte after which a client is sent a PING (gRFC A9). Default 7,200,000. */
  readonly serverKeepaliveMs?: number;
  /** At servers: a client that sends PINGs more often than this while it is sent nothing is told to calm down. Default 300,000. */
  readonly minPingIntervalMs?: number;
  /**
   * At servers: milliseconds after which a connection is asked to end, ±10 % so that clients do not come back all at once
   * (gRFC A9). Default Infinity.
   */
  readonly maxConnectionAgeMs?: number;
  /** Milliseconds that calls have then until the connection is cut. Default Infinity. */
  readonly maxConnectionAgeGraceMs?: number;
  /** At servers: milliseconds without a call after which a connection is asked to end. Default Infinity. */
  readonly maxConnectionIdleMs?: number;
  /** Draws from [0, 1): ages and backoffs. Default Math.random. */
  readonly random?: Random;
}
