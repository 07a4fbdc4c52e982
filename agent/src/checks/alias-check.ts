/** A check that repeats the health of a service: of its own checks, and of those of its node. */
import type { Cancel, Clock } from "../clock.ts";
import type { AliasMethod } from "../state/check-spec.ts";
import type { CheckContent } from "../state/service.ts";
import type { Outcome, Report, RunningCheck } from "./running-check.ts";

/** Consul looks again this often even when nobody told it of a change. */
export const aliasRefreshMs = 60_000;

/** What an alias can see: the agent's own services, or those of a node in the catalog. */
export interface AliasView {
  checks(): readonly CheckContent[];
  hasService(id: string): boolean;
}

export interface AliasOptions {
  readonly method: AliasMethod;
  readonly view: AliasView;
  readonly clock: Clock;
  readonly report: Report;
  /** Calls when something may have changed that the agent does not see by itself. */
  readonly watch?: (wake: () => void) => Cancel;
}

export class AliasCheck implements RunningCheck {
  readonly #options: AliasOptions;
  #cancelRefresh: Cancel = () => undefined;
  readonly #unwatch: Cancel;
  #stopped = false;

  /** Does nothing by itself until {@link refresh} is called. */
  constructor(options: AliasOptions) {
    this.#options = options;
    this.#unwatch = options.watch?.(() => this.refresh()) ?? (() => undefined);
  }

  get method(): AliasMethod {
    return this.#options.method;
  }

  /** Looks and reports. */
  refresh(): void {
    if (this.#stopped) return;
    const { method, view, clock, report } = this.#options;
    this.#cancelRefresh();
    this.#cancelRefresh = clock.after(aliasRefreshMs, () => this.refresh());
    report(aliasedOutcome(method, view));
  }

  stop(): void {
    this.#stopped = true;
    this.#unwatch();
    this.#cancelRefresh();
  }
}

/** The worst of all that counts. The first critical check is named, else the last that warns. */
export function aliasedOutcome({ node, serviceId }: AliasMethod, view: AliasView): Outcome {
  const counted = view.checks().filter((check) => check.serviceId === "" || check.serviceId === serviceId);
  if (!counted.some((check) => check.serviceId === serviceId) && !view.hasService(serviceId)) {
    return { status: "critical", output: `Service ${serviceId} could not be found on node ${node}` };
  }
  const failing =
    counted.find(({ status }) => status === "critical") ?? counted.findLast(({ status }) => status === "warning");
  if (failing !== undefined) {
    const output = `Aliased check ${JSON.stringify(failing.name)} failing: ${failing.output}`;
    return { status: failing.status === "critical" ? "critical" : "warning", output };
  }
  return { status: "passing", output: counted.length === 0 ? "No checks found." : "All checks passing." };
}
