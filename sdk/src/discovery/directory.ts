/** The Directory port: who serves a name. Consul, DNS and fixed lists implement it. */
import type { Endpoint } from "../balancing/endpoint.ts";

/** What a directory knows of a service now. An error never empties the list: the last good one stands, as "stale". */
export interface EndpointView {
  readonly endpoints: readonly Endpoint[];
  /** "stale": the directory could not be asked; the endpoints are the last it gave, or none if it never answered. */
  readonly freshness: "live" | "stale";
  /** Why the view is stale. */
  readonly error?: Error;
  /** Of a stale view: when the directory last confirmed its endpoints, in milliseconds since 1970; absent when it never has. */
  readonly confirmedAt?: number;
  /** "disk": this process has never reached the directory, and the endpoints are what one before it knew. */
  readonly from?: "disk";
}

export interface Watch {
  close(): void;
}

export interface Directory {
  /**
   * Calls back with the first view as soon as the directory has answered or failed, then after every change, but never
   * before watch() has returned. Endpoints come sorted by id, each id once. name is the part of a target behind its
   * scheme: "greeter" of consul:///greeter. Throws INVALID_ARGUMENT for a name it cannot take, FAILED_PRECONDITION once
   * the directory is closed.
   */
  watch(name: string, listener: (view: EndpointView) => void): Watch;
  /** Ends every watch. */
  close(): void;
}
