/** The mesh as it stands: what the registry lists, what instances report, what callers have seen, brought together. */
import type { CallStats } from "./call-stats.ts";
import { FLEET } from "./fleet.ts";
import { InstanceReport, readSnapshot } from "./instance-report.ts";
import { type Listed, Listing } from "./listing.ts";
import type { Registry } from "./registry.ts";
import type { Row, ServiceLine } from "./table.ts";

/** An instance that takes longer has other things to do; the next look will tell. */
const REPORT_WITHIN_MS = 400;
/** Seconds of calls per second behind each row. */
const HISTORY_S = 30;

export class MeshView {
  readonly #listings: readonly Listing[];
  readonly #reports = new Map<string, InstanceReport>();
  readonly #histories = new Map<string, number[]>();

  constructor(registry: Registry) {
    this.#listings = Object.keys(FLEET).map((service) => new Listing(registry.consul, service, () => {}));
  }

  close(): void {
    for (const listing of this.#listings) listing.close();
  }

  /** Asks every listed instance how it fares; never rejects. */
  async refresh(): Promise<void> {
    await Promise.all(this.#listings.flatMap(({ instances }) => instances.map((one) => this.#ask(one))));
  }

  /** Once a second: notes the rates for the rows' histories. */
  note(stats: CallStats, nowMs: number): void {
    for (const { id, rate } of this.rows(stats, nowMs, new Map())) {
      const history = this.#histories.get(id) ?? [];
      history.push(rate ?? 0);
      if (history.length > HISTORY_S) history.shift();
      this.#histories.set(id, history);
    }
  }

  /** @param states what is known of processes beyond the registry: "killed". */
  rows(stats: CallStats, nowMs: number, states: ReadonlyMap<string, string>): readonly Row[] {
    const ids = new Set([
      ...Object.entries(FLEET).flatMap(([service, names]) => names.map((name) => `${service}-${name}`)),
      ...stats.instances.keys(),
    ]);
    return [...ids].sort().map((id) => this.#row(id, stats, nowMs, states.get(id)));
  }

  services(): readonly ServiceLine[] {
    return this.#listings.map(({ service, instances, error }) => ({
      service,
      passing: instances.filter(({ passing }) => passing).length,
      failing: instances.filter(({ passing }) => !passing).map(({ id }) => id),
      error,
    }));
  }

  #row(id: string, stats: CallStats, nowMs: number, state: string | undefined): Row {
    const report = this.#reports.get(id);
    const seen = stats.instances.get(id);
    return {
      id,
      state,
      rate: seen?.rate(nowMs) ?? report?.rate(),
      percentiles: seen === undefined ? report?.percentiles() : seen.recentPercentiles(nowMs),
      inFlight: state === undefined ? report?.last?.inFlight : undefined,
      errors: report?.last?.errors,
      history: this.#histories.get(id) ?? [],
    };
  }

  async #ask({ id, admin }: Listed): Promise<void> {
    if (admin === undefined) return;
    try {
      const response = await fetch(`http://${admin}/metrics`, { signal: AbortSignal.timeout(REPORT_WITHIN_MS) });
      const snapshot = readSnapshot(await response.text(), performance.now());
      let report = this.#reports.get(id);
      if (report === undefined) this.#reports.set(id, (report = new InstanceReport()));
      report.add(snapshot);
    } catch {
      // It is gone or busy: its row shows what was last known.
    }
  }
}
