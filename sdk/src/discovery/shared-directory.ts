/**
 * What every directory does the same: one underlying watch for a name however many listen to it, its last view for
 * whoever comes later, silence when nothing has changed, an end when the last listener leaves.
 */
import { MeshError } from "../call/mesh-error.ts";
import type { Directory, EndpointView, Watch } from "./directory.ts";
import { sameView } from "./endpoint-view.ts";

type Listener = (view: EndpointView) => void;

/**
 * Watches one name for real and publishes what it finds, also at once. Throws INVALID_ARGUMENT for a name it cannot
 * take; every other failure is a view.
 */
export type OpenWatch = (name: string, publish: Listener) => Watch;

export function sharedDirectory(open: OpenWatch): Directory {
  return new SharedDirectory(open);
}

class SharedDirectory implements Directory {
  readonly #open: OpenWatch;
  readonly #names = new Map<string, SharedWatch>();
  #closed = false;

  constructor(open: OpenWatch) {
    this.#open = open;
  }

  watch(name: string, listener: Listener): Watch {
    if (this.#closed) {
      throw new MeshError(
        "FAILED_PRECONDITION",
        `directory is closed: ${JSON.stringify(name)} can no longer be watched`,
      );
    }
    let shared = this.#names.get(name);
    if (shared === undefined) {
      shared = new SharedWatch();
      shared.start(this.#open(name, shared.publish));
      this.#names.set(name, shared);
    }
    return this.#join(name, shared, listener);
  }

  close(): void {
    this.#closed = true;
    for (const shared of this.#names.values()) shared.close();
    this.#names.clear();
  }

  #join(name: string, shared: SharedWatch, listener: Listener): Watch {
    const leave = shared.join(listener);
    return {
      close: () => {
        leave();
        if (!shared.abandoned || this.#names.get(name) !== shared) return;
        shared.close();
        this.#names.delete(name);
      },
    };
  }
}

/** One listener and what it heard last. */
interface Seat {
  readonly listener: Listener;
  heard: EndpointView | undefined;
}

class SharedWatch {
  readonly #seats = new Set<Seat>();
  #source: Watch | undefined;
  #view: EndpointView | undefined;
  #starting = true;
  #closed = false;

  get abandoned(): boolean {
    return this.#seats.size === 0;
  }

  start(source: Watch): void {
    this.#source = source;
    this.#starting = false;
  }

  /** A listener hears the view there is in the next microtask, never while it is still being handed its Watch. */
  join(listener: Listener): () => void {
    const seat: Seat = { listener, heard: undefined };
    this.#seats.add(seat);
    queueMicrotask(() => this.#tell(seat));
    return () => this.#seats.delete(seat);
  }

  readonly publish = (view: EndpointView): void => {
    if (this.#closed || (this.#view !== undefined && sameView(this.#view, view))) return;
    this.#view = view;
    if (this.#starting) return;
    for (const seat of this.#seats) this.#tell(seat);
  };

  close(): void {
    this.#closed = true;
    this.#seats.clear();
    this.#source?.close();
  }

  #tell(seat: Seat): void {
    if (this.#view === undefined || seat.heard === this.#view || !this.#seats.has(seat)) return;
    seat.heard = this.#view;
    try {
      seat.listener(this.#view);
    } catch (error) {
      rethrowLater(error);
    }
  }
}

/** A listener's bug is the process's to report, like one in an EventTarget's; it must not cost other listeners the view. */
function rethrowLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}
