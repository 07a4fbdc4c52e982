/** The interface of a pick policy: which of the ready endpoints gets the next call. Pure; time and chance come in. */
import type { Clock } from "../call/clock.ts";
import type { Random } from "../call/random.ts";
import type { EndpointState } from "./endpoint-state.ts";

/** What a policy may know of the call. */
export interface PickContext {
  /** Hash of what the contract's hash_key names, 0 to 2^32-1; undefined when it names nothing. */
  readonly hash: number | undefined;
}

export interface PickPolicy {
  /** As configuration names it: "p2c". */
  readonly name: string;
  /**
   * Picks from at least one endpoint. Changes no counter: the caller counts the pick in the same synchronous step with
   * EndpointState.started(). The array is replaced, never changed, when endpoints come and go.
   */
  pick(ready: readonly EndpointState[], call: PickContext): EndpointState;
}

/** Makes the policy of one client of one service. */
export type PickPolicyFactory = (environment: { readonly clock: Clock; readonly random: Random }) => PickPolicy;
