/** Where a retry may go: what failed a call once is the last place to ask again. */
import type { EndpointState } from "./endpoint-state.ts";

/**
 * The ready endpoints that this call has not tried; all of them once every one was tried, and the very array while none
 * was, so that a first attempt copies nothing.
 */
export function withoutTried(
  ready: readonly EndpointState[],
  tried: readonly EndpointState[],
): readonly EndpointState[] {
  if (tried.length === 0) return ready;
  const untried = ready.filter((state) => !tried.includes(state));
  return untried.length === 0 || untried.length === ready.length ? ready : untried;
}
