/**
 * The show: calls at a steady rate, a greeter killed under them and started again, and what the callers noticed. On a
 * terminal it is a table drawn in place, elsewhere a line now and then.
 */
import type { Attempts, Callers } from "./callers.ts";
import { count, describeCalls, formatMs } from "./describe.ts";
import type { Fleet } from "./fleet.ts";
import { MeshView } from "./mesh-view.ts";
import type { OpenLoop } from "./open-loop.ts";
import type { ShowOptions } from "./options.ts";
import type { Registry } from "./registry.ts";
import { Screen } from "./screen.ts";
import { COLOURS, type Event, formatTime, PLAIN, renderTable, type Row } from "./table.ts";

const DRAWS_PER_SECOND = 4;
/** By then every call that was under way has been answered elsewhere or has failed: the contract gives it a second. */
const SETTLED_AFTER_MS = 1_500;
const RESTARTED_AFTER_MS = 5_000;
/** A call that has left this long ago is at the greeter and not yet back: the moment at which a crash costs something. */
const UNDER_WAY_MS = 1;

interface Kill {
  readonly id: string;
  readonly failedBefore: number;
  readonly attemptsBefore: Attempts;
}

export class Show {
  readonly #options: ShowOptions;
  readonly #registry: Registry;
  readonly #events: Event[] = [];
  readonly #states = new Map<string, string>();
  readonly #timers: NodeJS.Timeout[] = [];
  #startedAt = performance.now();
  #screen: Screen | undefined;
  /** Called when the next call has left. */
  #onSent: (() => void) | undefined;
  #kill: Kill | undefined;
  /** Answers it had given before it was started again. */
  #awaited: { readonly id: string; readonly answered: number; readonly since: number } | undefined;

  constructor(options: ShowOptions, registry: Registry) {
    this.#options = options;
    this.#registry = registry;
  }

  /** Says what has happened. */
  tell(text: string, kind: Event["kind"] = "news"): void {
    const elapsedMs = performance.now() - this.#startedAt;
    for (const line of text.split("\n")) {
      if (this.#screen === undefined) console.log(`${formatTime(elapsedMs).padStart(5)}  ${line}`);
      else this.#events.push({ elapsedMs, text: line, kind });
    }
  }

  /** Resolves, when its time is over or it is told to end, to whether every call was answered. */
  async run(callers: Callers, fleet: Fleet, signal: AbortSignal): Promise<boolean> {
    const { rate, seconds, killAfterSeconds } = this.#options;
    const view = new MeshView(this.#registry);
    this.tell("three greeters and two translators serve, each a process of its own");
    this.#startedAt = performance.now();
    if (process.stdout.isTTY) this.#screen = new Screen(process.stdout);
    const load = callers.load(rate, undefined, () => this.#onSent?.());
    const end = (): void => load.stop();
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    if (seconds !== undefined) this.#after(seconds * 1_000, end);
    if (killAfterSeconds !== undefined) this.#after(killAfterSeconds * 1_000, () => this.#aim(callers, fleet));
    this.#watch(view, callers, load);
    try {
      await load.done;
    } finally {
      this.#onSent = undefined;
      for (const timer of this.#timers) clearTimeout(timer);
      this.#screen?.close();
      view.close();
    }
    await this.#sum(callers);
    return callers.stats.failed === 0;
  }

  /** Waits for a call to be under way, then kills who answers most. */
  #aim(callers: Callers, fleet: Fleet): void {
    const now = performance.now();
    const rates = [...callers.stats.instances].map(([id, stats]) => ({ id, rate: stats.rate(now) }));
    const [busiest] = rates.filter(({ id }) => fleet.get(id) !== undefined).sort((a, b) => b.rate - a.rate);
    if (busiest === undefined) return this.tell("no greeter has answered: none is killed", "bad");
    void callers.attempts().then((attemptsBefore) => {
      this.#onSent = () => {
        this.#onSent = undefined;
        const kill = { id: busiest.id, failedBefore: callers.stats.failed, attemptsBefore };
        this.#after(UNDER_WAY_MS, () => this.#strike(kill, callers, fleet));
      };
    });
  }

  #strike(kill: Kill, callers: Callers, fleet: Fleet): void {
    const { id } = kill;
    const instance = fleet.get(id);
    if (instance === undefined) return;
    instance.kill();
    this.#kill = kill;
    this.#states.set(id, "killed");
    this.tell(
      `${id} (process ${instance.pid}) is killed, SIGKILL, with ${count(callers.stats.inFlight, "call")} under way`,
      "bad",
    );
    this.#after(SETTLED_AFTER_MS, () => {
      void this.#cost(callers).then((cost) => cost !== undefined && this.tell(cost.text, cost.kind));
    });
    this.#after(RESTARTED_AFTER_MS, () => void this.#restart(id, callers, fleet));
  }

  /** What the kill cost the callers, in numbers; undefined when nobody was killed. */
  async #cost(callers: Callers): Promise<Pick<Event, "text" | "kind"> | undefined> {
    if (this.#kill === undefined) return undefined;
    const { id, attemptsBefore, failedBefore } = this.#kill;
    const { lost, retried } = await callers.attempts();
    const failed = callers.stats.failed - failedBefore;
    const attempts = count(lost - attemptsBefore.lost, "attempt");
    const text = `callers since ${id} was killed: ${count(failed, "call")} failed; ${attempts} lost, ${retried - attemptsBefore.retried} sent again elsewhere`;
    return { text, kind: failed === 0 ? "good" : "bad" };
  }

  async #restart(id: string, callers: Callers, fleet: Fleet): Promise<void> {
    this.#states.set(id, "starting");
    const answered = callers.stats.instances.get(id)?.answered ?? 0;
    const since = performance.now();
    try {
      await fleet.restart(id);
      this.#states.delete(id);
      this.#awaited = { id, answered, since };
      this.tell(`${id} serves again as process ${fleet.get(id)?.pid}`);
    } catch (error) {
      this.tell(error instanceof Error ? error.message : String(error), "bad");
    }
  }

  #watch(view: MeshView, callers: Callers, load: OpenLoop): void {
    let draws = 0;
    const timer = setInterval(() => {
      const now = performance.now();
      this.#greetBack(callers, now);
      if (this.#screen !== undefined) void view.refresh();
      if (++draws % DRAWS_PER_SECOND === 0) view.note(callers.stats, now);
      if (this.#screen !== undefined) this.#draw(this.#screen, view, callers, now);
      else if (draws % DRAWS_PER_SECOND === 0) this.tell(progress(callers, now));
    }, 1_000 / DRAWS_PER_SECOND);
    void load.done.then(() => clearInterval(timer));
  }

  #greetBack({ stats }: Callers, now: number): void {
    if (this.#awaited === undefined) return;
    const { id, answered, since } = this.#awaited;
    if ((stats.instances.get(id)?.answered ?? 0) <= answered) return;
    this.#awaited = undefined;
    this.tell(`${id} takes calls again, ${((now - since) / 1_000).toFixed(1)} s after it was started`, "good");
  }

  #draw(screen: Screen, view: MeshView, { stats }: Callers, now: number): void {
    const callers: Row = {
      id: "all calls",
      state: undefined,
      rate: stats.total.rate(now),
      percentiles: stats.total.recentPercentiles(now),
      inFlight: stats.inFlight,
      errors: stats.failed,
      history: [],
    };
    const table = {
      elapsedMs: now - this.#startedAt,
      rate: this.#options.rate,
      rows: view.rows(stats, now, this.#states),
      callers,
      registry: this.#registry.name,
      services: view.services(),
      events: this.#events,
      hint: "Ctrl-C ends it",
    };
    screen.draw(renderTable(table, screen.columns, screen.rows, process.env["NO_COLOR"] ? PLAIN : COLOURS));
  }

  async #sum(callers: Callers): Promise<void> {
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    await callers.quiet();
    console.log(`\n${describeCalls(callers.stats, seconds)}`);
    const cost = await this.#cost(callers);
    if (cost !== undefined) console.log(cost.text);
  }

  #after(delayMs: number, then: () => void): void {
    this.#timers.push(setTimeout(then, delayMs));
  }
}

/** The last second in a line. */
function progress({ stats }: Callers, now: number): string {
  const { p50Ms, p99Ms } = stats.total.recentPercentiles(now) ?? { p50Ms: Number.NaN, p99Ms: Number.NaN };
  const instances = [...stats.instances].map(([id, instance]) => `${id} ${instance.rate(now).toFixed(0)}`);
  return [
    `${stats.total.rate(now).toFixed(0)} calls/s (${instances.join(", ")})`,
    `p50 ${formatMs(p50Ms)} ms`,
    `p99 ${formatMs(p99Ms)} ms`,
    `${stats.inFlight} in flight`,
    `${stats.failed} failed`,
  ].join("  ");
}
