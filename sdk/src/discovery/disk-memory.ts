/**
 * Remembers views on disk, so that a process can start while its directory cannot be reached. All processes of one mesh
 * service in one folder share a file and add to it what they know: whoever writes takes over what the file says of services that it
 * does not follow itself, and what is newer there. Two that write at the very same time may lose one's news until its
 * next writing, five minutes later at most.
 *
 * Nothing waits for it but the first failure of a watch, and nothing of it fails a call: what goes wrong is logged.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Clock, Timer } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import type { EndpointView } from "./directory.ts";
import { readSnapshotFile, removeDrafts, writeSnapshotFile } from "./snapshot-file.ts";
import { readSnapshot, writeSnapshot } from "./snapshot-format.ts";
import type { Remembered, ViewMemory } from "./view-memory.ts";

export interface DiskMemoryOptions {
  readonly folder: string;
  /** Name of the process; those of the same name share. */
  readonly service: string;
  /** Which registry it knows services from: "http://127.0.0.1:8500". */
  readonly source: string;
  readonly clock: Clock;
  readonly log?: Logger | undefined;
  /** Milliseconds after which what was known is no longer believed. Default 24 hours. */
  readonly maxAgeMs?: number | undefined;
}

/** Addresses are given to others after a while; an outage of a registry lasts hours at worst. */
const DEFAULT_MAX_AGE_MS = 24 * 3_600_000;
/** Deployments change a service many times within seconds; one writing is enough. */
const GATHER_MS = 1_000;
/** What does not change gets older in the file all the same. */
const REFRESH_MS = 300_000;
/** Of a moment later than now: clocks of processes before us may have been ahead. */
const MAX_AHEAD_MS = 60_000;

export function diskMemory(options: DiskMemoryOptions): ViewMemory {
  return new DiskMemory(options);
}

/** Where it is kept, below the folder. */
export function snapshotPath({
  folder,
  service,
  source,
}: Pick<DiskMemoryOptions, "folder" | "service" | "source">): string {
  const name = service.replaceAll(/[^A-Za-z0-9._-]/g, "_").slice(0, MAX_NAME_CHARS);
  const id = createHash("sha256").update(`${service}\n${source}`).digest("hex").slice(0, 12);
  return join(folder, `${name}-${id}.endpoints`);
}

/** Leaves room for the rest of a name in what file systems take. */
const MAX_NAME_CHARS = 100;

interface Known extends Remembered {
  confirmedAt: number;
  /** The endpoints as JSON, made when they are first written. */
  text?: string;
}

class DiskMemory implements ViewMemory {
  readonly #options: DiskMemoryOptions;
  readonly #path: string;
  readonly #known = new Map<string, Known>();
  readonly #loaded: Promise<void>;
  #news: "none" | "confirmed" | "changed" = "none";
  #gather: Timer | undefined;
  #refresh: Timer | undefined;
  #writing: Promise<void> | undefined;
  #broken = false;
  #closed = false;

  constructor(options: DiskMemoryOptions) {
    this.#options = options;
    this.#path = snapshotPath(options);
    this.#loaded = this.#load();
    this.#refreshLater();
  }

  async recall(service: string): Promise<Remembered | undefined> {
    await this.#loaded;
    const known = this.#known.get(service);
    return known !== undefined && this.#isFresh(known) ? known : undefined;
  }

  viewed(service: string, { endpoints, freshness }: EndpointView): void {
    if (freshness !== "live" || this.#closed) return;
    this.#known.set(service, { endpoints, confirmedAt: this.#now() });
    this.#news = "changed";
    this.#gather ??= this.#options.clock.setBackgroundTimer(() => void this.#write(), GATHER_MS);
  }

  confirmed(service: string): void {
    const known = this.#known.get(service);
    if (known === undefined || this.#closed) return;
    known.confirmedAt = this.#now();
    if (this.#news === "none") this.#news = "confirmed";
  }

  failed(): void {}

  /** Kept until it is too old: who asked for it once may again after a restart. */
  closed(): void {}

  async close(): Promise<void> {
    this.#closed = true;
    this.#refresh?.cancel();
    await this.#write();
  }

  async #load(): Promise<void> {
    const { clock } = this.#options;
    await removeDrafts(this.#path, clock.wallTime());
    for (const [service, remembered] of await this.#read()) {
      if (!this.#known.has(service)) this.#known.set(service, { ...remembered });
    }
  }

  /** What the file holds and can be believed. */
  async #read(): Promise<readonly (readonly [string, Remembered])[]> {
    const { source, log } = this.#options;
    const refuse = (why: string): [] => {
      log?.warn({ file: this.#path }, `what services were known to be is not used: ${why}; it will be replaced`);
      return [];
    };
    let text: string | undefined;
    try {
      text = await readSnapshotFile(this.#path);
    } catch (error) {
      return refuse(`it cannot be read (${error instanceof Error ? error.message : String(error)})`);
    }
    if (text === undefined) return [];
    const snapshot = readSnapshot(text, source);
    if ("refused" in snapshot) return refuse(snapshot.refused);
    const all = [...snapshot.services];
    const fresh = all.filter(([, remembered]) => this.#isFresh(remembered));
    if (fresh.length < all.length) {
      const old = all.length - fresh.length;
      log?.info({ file: this.#path }, `what ${old} services were known to be is not used: it is too old`);
    }
    return fresh;
  }

  #isFresh({ confirmedAt }: Remembered): boolean {
    const ageMs = this.#now() - confirmedAt;
    return ageMs >= -MAX_AHEAD_MS && ageMs <= (this.#options.maxAgeMs ?? DEFAULT_MAX_AGE_MS);
  }

  #now(): number {
    return Math.round(this.#options.clock.wallTime());
  }

  #refreshLater(): void {
    this.#refresh = this.#options.clock.setBackgroundTimer(() => {
      this.#refreshLater();
      void this.#write();
    }, REFRESH_MS);
  }

  /** Writes what is new, one writing after the other. */
  #write(): Promise<void> {
    this.#gather?.cancel();
    this.#gather = undefined;
    this.#writing = (this.#writing ?? this.#loaded).then(() => this.#writeNews());
    return this.#writing;
  }

  async #writeNews(): Promise<void> {
    if (this.#news === "none") return;
    this.#news = "none";
    try {
      await this.#takeOver();
      const { source } = this.#options;
      await writeSnapshotFile(this.#path, writeSnapshot({ source, services: this.#known }, endpointsText));
      this.#broken = false;
    } catch (error) {
      this.#news = "changed";
      if (!this.#broken) {
        this.#options.log?.warn(
          { file: this.#path, err: error },
          `what services are cannot be remembered: check that ${this.#options.folder} is a folder that this process may write`,
        );
      }
      this.#broken = true;
    }
  }

  /** What other processes have written since, where it is newer than what we know. */
  async #takeOver(): Promise<void> {
    for (const [service, remembered] of await this.#read()) {
      const own = this.#known.get(service);
      if (own === undefined || own.confirmedAt < remembered.confirmedAt) this.#known.set(service, { ...remembered });
    }
    for (const [service, known] of this.#known) if (!this.#isFresh(known)) this.#known.delete(service);
  }
}

function endpointsText(known: Known): string {
  return (known.text ??= JSON.stringify(known.endpoints));
}
