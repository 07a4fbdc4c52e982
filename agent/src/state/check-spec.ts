/** A check as its owner describes it: whose it is and how its status comes about. */
import type { Status } from "./service.ts";

export interface CheckSpec {
  /** Empty for the default, `service:<service id>`, numbered from 1 when the service brings several checks. */
  readonly id: string;
  /** Empty for the default, `Service '<name>' check`. */
  readonly name: string;
  readonly notes: string;
  /** The state to start in; an agent that already knows the check keeps the state it knows. */
  readonly status: Status;
  /** Milliseconds in critical until the service is deregistered; 0 for never. */
  readonly deregisterAfterMs: number;
  /** Bytes of output to keep; 0 for the default. */
  readonly maxOutputBytes: number;
  readonly method: CheckMethod;
}

/** How a status comes about. */
export type CheckMethod = TtlMethod | AliasMethod | PolledMethod;

/** Somebody says it, again and again. */
export interface TtlMethod {
  readonly kind: "ttl";
  /** Milliseconds without a heartbeat until the check turns critical; above 0. */
  readonly ttlMs: number;
}

/** It is that of another service. */
export interface AliasMethod {
  readonly kind: "alias";
  /** Empty for this agent's own node, as the agent knows it; else as the catalog does. */
  readonly node: string;
  /** Empty for the checks of the node alone. */
  readonly serviceId: string;
}

/** The agent finds out. */
export interface PolledMethod {
  readonly kind: "http" | "tcp" | "grpc";
  readonly target: Target;
  /** Milliseconds from the end of one attempt to the beginning of the next. */
  readonly intervalMs: number;
  /** Milliseconds for one attempt. */
  readonly timeoutMs: number;
  /** Successes in a row that turn the check to passing; at once after it was registered. 0 like 1. */
  readonly successBeforePassing: number;
  /** Failures in a row that turn the check to critical; at once after it was registered. 0 like 1. */
  readonly failuresBeforeCritical: number;
}

export type Target =
  | {
      readonly kind: "http";
      readonly url: string;
      readonly method: string;
      readonly headers: Readonly<Record<string, readonly string[]>>;
      readonly body: string;
      readonly tlsSkipVerify: boolean;
    }
  | { readonly kind: "tcp"; readonly address: string }
  | {
      readonly kind: "grpc";
      /** `host:port`, or `host:port/service` to ask about one service. */
      readonly address: string;
      readonly tls: boolean;
      readonly tlsSkipVerify: boolean;
    };
