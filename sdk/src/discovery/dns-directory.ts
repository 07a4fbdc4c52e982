/**
 * The directory behind dns:///host:port: every address of the host (A and AAAA), looked up again on a background timer.
 *
 * DNS has no way to tell of changes, and the system's resolver hides how long an answer is good for, so the interval
 * decides how late a change is seen; 30 s is what gRPC's own DNS resolver takes as its least.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Address } from "../call/address.ts";
import type { Clock, Timer } from "../call/clock.ts";
import { MeshError } from "../call/mesh-error.ts";
import { type Random, systemRandom } from "../call/random.ts";
import type { Directory, EndpointView, Watch } from "./directory.ts";
import { inOrder } from "./endpoint-view.ts";
import { sharedDirectory } from "./shared-directory.ts";
import { plainEndpoint } from "./static-directory.ts";
import { parseReachable } from "./target.ts";

/** The addresses of a host, IPv4 and IPv6, in any order. Rejects when it cannot tell; an empty list counts as that too. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export interface DnsDirectoryOptions {
  readonly clock: Clock;
  /** Spreads lookups of many processes over time. Default: the process's own chance. */
  readonly random?: Random;
  /** Default: the system's resolver, so /etc/hosts and search domains count. */
  readonly resolve?: Resolve;
  /** Milliseconds between two lookups of a name, less up to a fifth of jitter. Default 30,000. */
  readonly refreshMs?: number;
}

const DEFAULT_REFRESH_MS = 30_000;
const REFRESH_JITTER = 0.2;
/** First wait after a failed lookup; doubles up to the refresh interval. */
const FIRST_RETRY_MS = 1_000;
/** The system's resolver cannot be cancelled and may take its time over dead name servers; listeners must not wait so long. */
const PATIENCE_MS = 5_000;

export function dnsDirectory(options: DnsDirectoryOptions): Directory {
  return sharedDirectory((name, publish) => {
    const watch = new DnsWatch(parseReachable(name), options, publish);
    watch.look();
    return watch;
  });
}

class DnsWatch implements Watch {
  readonly #address: Address;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #resolve: Resolve;
  readonly #refreshMs: number;
  readonly #publish: (view: EndpointView) => void;
  #last: EndpointView = { endpoints: [], freshness: "stale" };
  #failures = 0;
  #timer: Timer | undefined;
  #closed = false;

  constructor(address: Address, options: DnsDirectoryOptions, publish: (view: EndpointView) => void) {
    this.#address = address;
    this.#clock = options.clock;
    this.#random = options.random ?? systemRandom;
    this.#resolve = options.resolve ?? systemResolve;
    this.#refreshMs = options.refreshMs ?? DEFAULT_REFRESH_MS;
    this.#publish = publish;
  }

  look(): void {
    const { host } = this.#address;
    if (isIP(host) !== 0) {
      this.#found([host]);
      return;
    }
    this.#timer = this.#clock.setBackgroundTimer(() => this.#lost(`no answer for ${PATIENCE_MS} ms`), PATIENCE_MS);
    this.#resolve(host).then(
      (found) => this.#settle(() => (found.length > 0 ? this.#found(found) : this.#fail("no addresses"))),
      (error: unknown) => this.#settle(() => this.#fail(describe(error), error)),
    );
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #settle(take: () => void): void {
    if (this.#closed) return;
    this.#timer?.cancel();
    take();
  }

  #found(hosts: readonly string[]): void {
    const endpoints = inOrder(hosts.map((host) => plainEndpoint({ host, port: this.#address.port })));
    this.#failures = 0;
    this.#last = { endpoints, freshness: "live" };
    this.#publish(this.#last);
    if (isIP(this.#address.host) !== 0) return;
    this.#lookAgainIn(this.#refreshMs * (1 - REFRESH_JITTER * this.#random()));
  }

  #fail(why: string, cause?: unknown): void {
    this.#lost(why, cause);
    const waitMs = Math.min(this.#refreshMs, FIRST_RETRY_MS * 2 ** this.#failures++);
    this.#lookAgainIn(waitMs * (0.5 + this.#random() / 2));
  }

  /** The addresses of before stand: a dead name server does not mean that services are dead. */
  #lost(why: string, cause?: unknown): void {
    const error = new MeshError(
      "UNAVAILABLE",
      `host ${JSON.stringify(this.#address.host)} was not found by DNS (${why}): check the name and the resolver of this machine`,
      { cause },
    );
    this.#last = { endpoints: this.#last.endpoints, freshness: "stale", error };
    this.#publish(this.#last);
  }

  #lookAgainIn(delayMs: number): void {
    this.#timer = this.#clock.setBackgroundTimer(() => this.look(), delayMs);
  }
}

async function systemResolve(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, order: "verbatim" });
  return found.map(({ address }) => address);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
