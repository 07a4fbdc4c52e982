/**
 * Cancellation of one call, cheap enough to exist for every call: a flag and a few listeners; the AbortSignal that
 * users see is made when they first ask for it.
 */
import type { MeshError } from "./mesh-error.ts";

/** The half that is watched. */
export interface CancellationToken {
  readonly cancelled: boolean;
  /** Why, once cancelled. */
  readonly reason: MeshError | undefined;
  /** The same as an AbortSignal, for fetch, timers and streams; its reason is the MeshError. */
  readonly signal: AbortSignal;
  /** Calls back once when cancelled, at once if it already is; the returned function unsubscribes. */
  onCancel(listener: (reason: MeshError) => void): () => void;
}

/** The half that cancels. */
export class Cancellation implements CancellationToken {
  #reason: MeshError | undefined;
  /** Most calls have one listener, the server's own: a set would be made for each. */
  #listener: ((reason: MeshError) => void) | undefined;
  #listeners: Set<(reason: MeshError) => void> | undefined;
  #controller: AbortController | undefined;

  get cancelled(): boolean {
    return this.#reason !== undefined;
  }

  get reason(): MeshError | undefined {
    return this.#reason;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  onCancel(listener: (reason: MeshError) => void): () => void {
    if (this.#reason !== undefined) {
      listener(this.#reason);
      return () => {};
    }
    if (this.#listener === undefined && this.#listeners === undefined) {
      this.#listener = listener;
    } else {
      this.#listeners ??= new Set();
      this.#listeners.add(listener);
    }
    return () => this.#forget(listener);
  }

  /** Cancels; the first reason stands. */
  cancel(reason: MeshError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const first = this.#listener;
    const listeners = this.#listeners;
    this.#listener = undefined;
    this.#listeners = undefined;
    if (first !== undefined) tell(first, reason);
    if (listeners !== undefined) for (const listener of listeners) tell(listener, reason);
    this.#controller?.abort(reason);
  }

  #forget(listener: (reason: MeshError) => void): void {
    if (this.#listener === listener) this.#listener = undefined;
    this.#listeners?.delete(listener);
  }
}

/** A listener's bug is the process's to report, like one in an AbortSignal's; others must hear all the same. */
function tell(listener: (reason: MeshError) => void, reason: MeshError): void {
  try {
    listener(reason);
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
