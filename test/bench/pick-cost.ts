/** Measures one policy among fleets of several sizes, and tells its parent: `pick-cost.ts time|memory <policy> <size>…`. */
import { type AttemptEnd, Balancer } from "../../sdk/src/balancing/balancer.ts";
import { EndpointState } from "../../sdk/src/balancing/endpoint-state.ts";
import type { LoadReport } from "../../sdk/src/balancing/load-report.ts";
import { PICK_POLICIES, type PickPolicyName } from "../../sdk/src/balancing/pick-policies.ts";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { seededRandom, systemRandom } from "../../sdk/src/call/random.ts";
import { AllocationWatch } from "./transport/allocation-watch.ts";

export interface Measured {
  readonly endpoints: number;
  /** Nanoseconds, or bytes. */
  readonly value: number;
}

/** Calls in flight of the client: what is picked in a batch ends after it, which is not timed. */
const BATCH = 64;
/** Until code is compiled it is slow and allocates. */
const WARM_UP_BATCHES = 4_000;
const ROUNDS = 25;
/** Of a round: about 50,000 picks, long beside what the machine's clock can tell apart. */
const ROUND_BATCHES = 800;
/** A batch asks for at most as many load reports. */
const ASKED = 4 * BATCH;
const NOBODY: readonly EndpointState[] = [];

/** What a policy hears of the load of endpoints that it asks: the same objects again and again. */
interface Report extends LoadReport {
  inFlight: number;
  latencyMs: number;
}

class Bench {
  readonly #balancer: Balancer;
  /** Filled anew by each batch; arrays that shrink and grow would allocate. */
  readonly #picked: EndpointState[];
  readonly #asked: EndpointState[];
  #askedCount = 0;
  readonly #call = { hash: 0 };
  readonly #end: AttemptEnd = { durationMs: 5, verdict: "success", pushbackMs: 0 };
  readonly #report: Report = { inFlight: 0, latencyMs: 5, utilization: 0.5, qps: 100, eps: 0 };

  constructor(policy: PickPolicyName, endpoints: number) {
    this.#balancer = new Balancer({
      policy: PICK_POLICIES[policy],
      clock: systemClock,
      random: systemRandom,
      probe: (state) => void (this.#asked[this.#askedCount++ % ASKED] = state),
    });
    const random = seededRandom(1);
    const states = Array.from({ length: endpoints }, (_, at) => {
      const address = { host: `10.0.${at >> 8}.${at & 255}`, port: 50_051 };
      return new EndpointState({ id: `greeter-${at}`, address, weight: 1 + (at % 3), metadata: {} });
    });
    for (const state of states) {
      state.started();
      state.ended(systemClock.now(), 4 + 2 * random(), "success");
    }
    const [first] = states as [EndpointState];
    this.#picked = Array.from({ length: BATCH }, () => first);
    this.#asked = Array.from({ length: ASKED }, () => first);
    this.#balancer.update(states);
  }

  /** Milliseconds that the picks took. */
  batch(): number {
    const [balancer, call, picked] = [this.#balancer, this.#call, this.#picked];
    const begun = performance.now();
    // A whole number: others would be put on the heap for every call that is not inlined.
    const nowMs = begun | 0;
    for (let at = 0; at < BATCH; at++) {
      call.hash = (call.hash + 0x1e3779b1) & 0x3fffffff;
      const state = balancer.pick(call, NOBODY, nowMs) as EndpointState;
      state.started();
      picked[at] = state;
    }
    const took = performance.now() - begun;
    this.#settle(nowMs);
    return took;
  }

  /** Every call ends, and everyone who was asked for its load answers. */
  #settle(nowMs: number): void {
    const [picked, asked, report] = [this.#picked, this.#asked, this.#report];
    for (let at = 0; at < BATCH; at++) {
      this.#end.durationMs = 4 + (at & 3);
      this.#balancer.ended(picked[at] as EndpointState, this.#end, nowMs);
    }
    for (let at = 0; at < Math.min(this.#askedCount, ASKED); at++) {
      report.inFlight = at & 7;
      report.latencyMs = 4 + (at & 3);
      this.#balancer.reported(asked[at] as EndpointState, report, nowMs);
    }
    this.#askedCount = 0;
  }
}

/** The machine has other work: the best round is what the code takes. */
function time(bench: Bench): number {
  let fastest = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    let took = 0;
    for (let batch = 0; batch < ROUND_BATCHES; batch++) took += bench.batch();
    fastest = Math.min(fastest, (took * 1e6) / (ROUND_BATCHES * BATCH));
  }
  return fastest;
}

/** Of a call from its pick to its end, in the best round: V8 allocates for itself, too. */
function memory(bench: Bench): number {
  let fewest = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const watch = new AllocationWatch();
    for (let batch = 0; batch < ROUND_BATCHES; batch++) bench.batch();
    const { heapBytes, collections } = watch.end();
    if (collections === 0) fewest = Math.min(fewest, heapBytes / (ROUND_BATCHES * BATCH));
  }
  return fewest;
}

const [what = "", policy = "", ...sizes] = process.argv.slice(2);
for (const size of sizes) {
  const bench = new Bench(policy as PickPolicyName, Number(size));
  for (let batch = 0; batch < WARM_UP_BATCHES; batch++) bench.batch();
  process.send?.({ endpoints: Number(size), value: what === "time" ? time(bench) : memory(bench) });
}
