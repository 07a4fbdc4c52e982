/** The ViewMemory port: what is known of services outlives the process that knew it. */
import type { Endpoint } from "../balancing/endpoint.ts";
import type { DirectoryObserver } from "./directory-observer.ts";

export interface Remembered {
  readonly endpoints: readonly Endpoint[];
  /** When the directory last confirmed them, in milliseconds since 1970. */
  readonly confirmedAt: number;
}

/** Remembers every live view that it observes. */
export interface ViewMemory extends DirectoryObserver {
  /** The last known of a service, from this process or one before it; never rejects. */
  recall(service: string): Promise<Remembered | undefined>;
  /** Remembers for good what is not yet; resolves when that is done, never rejects. */
  close(): Promise<void>;
}
