/**
 * A server as a processor-sharing queue: its calls share its cores, none gets more than one. Antagonists (other work of its
 * machine) leave it a part of its capacity; faults make it slow, or fail at once. Its load reports are made by the shipped
 * code.
 */
import type { Endpoint } from "../../sdk/src/balancing/endpoint.ts";
import type { LoadReport } from "../../sdk/src/balancing/load-report.ts";
import { LoadTracker } from "../../sdk/src/balancing/load-tracker.ts";
import type { Timer } from "../../sdk/src/call/clock.ts";
import type { Agenda } from "./agenda.ts";
import { MinHeap } from "./min-heap.ts";

export interface ServerOptions {
  readonly id: string;
  /** Calls that run at full speed at a time. Infinity: calls take their work's time however many there are. */
  readonly cores: number;
  readonly zone?: string;
  readonly weight?: number;
}

/** A call at a server. */
class Job {
  /** What the server's progress must be for the job to be done. */
  readonly finishAt: number;
  readonly startedMs: number;
  /** Calls at the server when it came. */
  readonly inFlightAtStart: number;
  done: ((ok: boolean) => void) | undefined;

  constructor(finishAt: number, startedMs: number, inFlightAtStart: number, done: (ok: boolean) => void) {
    this.finishAt = finishAt;
    this.startedMs = startedMs;
    this.inFlightAtStart = inFlightAtStart;
    this.done = done;
  }
}

export class SimServer {
  readonly endpoint: Endpoint;
  /** Calls that have come. */
  calls = 0;
  readonly #agenda: Agenda;
  readonly #cores: number;
  readonly #tracker: LoadTracker;
  readonly #jobs = new MinHeap<Job>((a, b) => a.finishAt < b.finishAt);
  #running = 0;
  /** Milliseconds of work that a call which was always here would have got. */
  #progress = 0;
  #updatedMs = 0;
  #share = 1;
  #slowness = 1;
  #failing: { readonly afterMs: number; readonly share: number; readonly random: () => number } | undefined;
  #next: Timer | undefined;

  constructor(agenda: Agenda, { id, cores, zone, weight = 1 }: ServerOptions) {
    this.#agenda = agenda;
    this.#cores = cores;
    this.#tracker = new LoadTracker({ clock: agenda });
    const address = { host: id, port: 1 };
    this.endpoint = { id, address, weight, metadata: {}, ...(zone === undefined ? {} : { zone }) };
  }

  /** Calls that it has begun and not ended. */
  get inFlight(): number {
    return this.#running;
  }

  get report(): LoadReport {
    return this.#tracker.report(Math.min(1, this.#running / (this.#cores * this.#share)));
  }

  /** The part of its capacity that others leave it, 0 to 1. */
  setShare(share: number): void {
    this.#advance();
    this.#share = share;
    this.#plan();
  }

  /** Multiplies the work of calls to come. */
  setSlowness(factor: number): void {
    this.#slowness = factor;
  }

  /** From now on a share of calls fails after a time, whatever its load; 0 ends that. */
  setFailing(share: number, afterMs: number, random: () => number): void {
    this.#failing = share > 0 ? { share, afterMs, random } : undefined;
  }

  /**
   * Takes a call. Returns what gives it up: its work is not done further, as a server does whose deadline has passed.
   *
   * @param workMs what it would take alone on a core.
   */
  take(workMs: number, done: (ok: boolean) => void): () => void {
    this.calls++;
    const failing = this.#failing;
    if (failing !== undefined && failing.random() < failing.share) {
      const timer = this.#agenda.setTimer(() => done(false), failing.afterMs);
      return () => timer.cancel();
    }
    this.#advance();
    const job = new Job(this.#progress + workMs * this.#slowness, this.#agenda.now(), this.#tracker.began(), done);
    this.#running++;
    this.#jobs.push(job);
    this.#plan();
    return () => this.#giveUp(job);
  }

  #giveUp(job: Job): void {
    if (job.done === undefined) return;
    this.#advance();
    job.done = undefined;
    this.#running--;
    this.#tracker.timedOut(this.#agenda.now(), this.#agenda.now() - job.startedMs, job.inFlightAtStart);
    this.#plan();
  }

  /** Milliseconds of work per millisecond that each call gets. */
  get #rate(): number {
    if (this.#running === 0) return 0;
    return Math.min(1, (this.#cores * this.#share) / this.#running);
  }

  #advance(): void {
    const now = this.#agenda.now();
    this.#progress += this.#rate * (now - this.#updatedMs);
    this.#updatedMs = now;
  }

  #plan(): void {
    this.#next?.cancel();
    this.#next = undefined;
    let { first } = this.#jobs;
    while (first !== undefined && first.done === undefined) {
      this.#jobs.pop();
      first = this.#jobs.first;
    }
    if (first === undefined) return;
    const rate = this.#rate;
    const inMs = rate > 0 ? Math.max(0, first.finishAt - this.#progress) / rate : Infinity;
    this.#next = this.#agenda.setTimer(() => this.#finish(), inMs);
  }

  #finish(): void {
    this.#advance();
    const job = this.#jobs.pop();
    if (job === undefined) return;
    const { done } = job;
    job.done = undefined;
    this.#running--;
    this.#tracker.ended(this.#agenda.now(), this.#agenda.now() - job.startedMs, job.inFlightAtStart, "success");
    this.#plan();
    done?.(true);
  }
}
