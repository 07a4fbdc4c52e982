/** Processes that coordinate over one store in memory, in virtual time. */
import { Coordination } from "../../../sdk/src/coordination/coordination.ts";
import { type CoordinationObserver, UNOBSERVED } from "../../../sdk/src/coordination/coordination-observer.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { type LogLine, recordedLog } from "../../support/logs.ts";
import { type MemoryClient, MemoryStore } from "./memory-store.ts";
import { SkippingClock } from "./skipping-clock.ts";

export interface Process {
  readonly coordination: Coordination;
  readonly client: MemoryClient;
  readonly clock: SkippingClock;
  readonly lines: readonly LogLine[];
}

export class CoordinationLab {
  readonly time = new VirtualClock();
  readonly store = new MemoryStore(this.time);

  process(holder: string, observer: CoordinationObserver = UNOBSERVED): Process {
    const client = this.store.client();
    const clock = new SkippingClock(this.time);
    const { log, lines } = recordedLog();
    const coordination = new Coordination({ store: client, clock, random: () => 0.5, log, holder, observer });
    return { coordination, client, clock, lines };
  }

  /** Lets time pass. */
  pass(ms: number): Promise<void> {
    return this.time.advanceAsync(ms);
  }
}

export function hasCode(code: string, reason = /./): (error: unknown) => boolean {
  return (error) => error instanceof MeshError && error.code === code && reason.test(error.reason);
}
