/**
 * The interface of a pick policy: which of the ready endpoints gets the next call. The mesh's own policies and those that
 * users write are made alike: a factory is given clock and chance, and makes one policy for each client of a service.
 * Policies do no I/O and set no timers; they are asked on every call, so they should neither wait nor allocate.
 *
 * @example
 * // The endpoint with the fewest calls of this client in flight, of all.
 * const leastLoaded: PickPolicyFactory = () => ({
 *   name: "least_loaded",
 *   pick: (ready) => ready.reduce((best, state) => (state.inFlight < best.inFlight ? state : best)),
 * });
 * const mesh = createMesh({ pickPolicies: { least_loaded: leastLoaded }, balancing: "least_loaded" });
 */
import type { Clock } from "../call/clock.ts";
import type { Random } from "../call/random.ts";
import type { EndpointState } from "./endpoint-state.ts";
import type { LoadReport } from "./load-report.ts";

/** What a policy may know of the call. */
export interface PickContext {
  /** Hash of what the contract's hash_key names, 0 to 2^32-1; undefined when it names nothing. */
  readonly hash: number | undefined;
}

export interface PickPolicy {
  /** As configuration names it: "p2c". */
  readonly name: string;
  /**
   * Whether calls of one key must go to one endpoint: slow start and zone preference, which would send them elsewhere for a
   * while, then leave the policy alone. Default false.
   */
  readonly keepsKeys?: boolean;
  /**
   * Hears which endpoints there are: at least one, before the first pick and whenever they or their weights change, with a
   * new array each time. What takes longer than a moment waits for the next pick: at the start one endpoint after another
   * becomes ready.
   */
  update?(ready: readonly EndpointState[]): void;
  /**
   * Picks one of the endpoints it is given, at least one: the very array of the last update(), or for some calls a part of
   * them, as for a retry, which goes elsewhere. Changes no counter: the caller counts the pick in the same synchronous step.
   * What it throws fails the call.
   */
  pick(ready: readonly EndpointState[], call: PickContext): EndpointState;
  /** Hears a load report of an endpoint, which came with an answer or for a probe. */
  reported?(state: EndpointState, report: LoadReport): void;
}

export interface PolicyEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  /** Asks an endpoint for a load report; absent where nobody can be asked. */
  readonly probe?: (state: EndpointState) => void;
}

/** Makes the policy of one client of one service; with zone preference one for the own zone and one for the others. */
export type PickPolicyFactory = (environment: PolicyEnvironment) => PickPolicy;
