/** What everything that coordinates is made with. */
import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import type { Random } from "../call/random.ts";
import type { CoordinationObserver } from "./coordination-observer.ts";
import type { CoordinationStore } from "./coordination-store.ts";

export interface Parts {
  readonly store: CoordinationStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Names this process to those who wait for what it holds. */
  readonly holder: string;
  readonly observer: CoordinationObserver;
  /** What the mesh's close() has to end. */
  readonly open: Set<Closing>;
}

/** Something that holds on to the store. */
export interface Closing {
  /** Asks whoever works under it to end, waits for that, and gives it up. Never rejects. */
  close(): Promise<void>;
}
