/**
 * What does it cost to observe a call? Our cells beside a prom-client histogram, in one run and in turns, so that the
 * ratio holds whatever else the machine does:
 *
 *     npm run bench -- metrics
 */
import { Histogram, Registry } from "prom-client";
import { boundedShape } from "../../sdk/src/telemetry/bounded-cells.ts";
import { CellGrid, exponentialShape } from "../../sdk/src/telemetry/exponential-cells.ts";
import { A66_LATENCY_BOUNDS, LATENCY_BOUNDS } from "../../sdk/src/telemetry/metric-names.ts";
import { createMetrics } from "../../sdk/src/telemetry/metrics.ts";
import { seededRandom } from "../../sdk/src/call/random.ts";
import { attempt, clientCall, methodNamed } from "../unit/telemetry/records.ts";

const ROUNDS = 15;
const VALUES = 4096;
/** Of each contestant in one round: about as long for each. */
const QUICK_REPEATS = 100;
const SLOW_REPEATS = 4;

interface Contestant {
  readonly name: string;
  readonly repeats: number;
  run(values: Float64Array): void;
  readonly nanoseconds: number[];
}

/** Each has a loop of its own: a shared one would box every number on its way into a function that it cannot inline. */
function contestant(name: string, repeats: number, run: (values: Float64Array) => void): Contestant {
  return { name, repeats, run, nanoseconds: [] };
}

/** Latencies around 10 ms with a long tail, in seconds. */
const random = seededRandom(1);
const values = Float64Array.from({ length: VALUES }, () => 0.01 * Math.exp(2 * (random() + random() + random() - 1.5)));

const labelNames = ["grpc_method", "grpc_target", "grpc_status"];
const labels = {
  grpc_method: "greeter.v1.GreeterService/SayHello",
  grpc_target: "consul:///greeter",
  grpc_status: "OK",
};
const registers = [new Registry()];
const few = new Histogram({ name: "few", help: "few", labelNames, registers, buckets: [...LATENCY_BOUNDS] });
const many = new Histogram({ name: "many", help: "many", labelNames, registers, buckets: [...A66_LATENCY_BOUNDS] });
const fewChild = few.labels(labels);
const manyChild = many.labels(labels);

const exponential = exponentialShape(new CellGrid(3, -20, 10), LATENCY_BOUNDS).newCells();
const bounded = boundedShape(A66_LATENCY_BOUNDS).newCells();
const observer = createMetrics({ processMetrics: "off" }).clientObserver(methodNamed("SayHello"), "consul:///greeter");
const oneAttempt = attempt();
const oneCall = clientCall();

const ours = contestant("exponential cells", QUICK_REPEATS, (values) => {
  for (let index = 0; index < values.length; index++) exponential.record(values[index] ?? 0);
});
const contestants = [
  ours,
  contestant("bounded cells, 41 bounds", QUICK_REPEATS, (values) => {
    for (let index = 0; index < values.length; index++) bounded.record(values[index] ?? 0);
  }),
  contestant("one whole call: started, attempt, sizes, call", QUICK_REPEATS, (values) => {
    for (let index = 0; index < values.length; index++) {
      observer.attemptStarted?.();
      observer.attemptEnded?.(oneAttempt);
      observer.callEnded?.(oneCall);
    }
  }),
  contestant("prom-client, bound child, 13 buckets", SLOW_REPEATS, (values) => {
    for (let index = 0; index < values.length; index++) fewChild.observe(values[index] ?? 0);
  }),
  contestant("prom-client, bound child, 41 buckets", SLOW_REPEATS, (values) => {
    for (let index = 0; index < values.length; index++) manyChild.observe(values[index] ?? 0);
  }),
  contestant("prom-client, label object, 41 buckets", SLOW_REPEATS, (values) => {
    for (let index = 0; index < values.length; index++) many.observe(labels, values[index] ?? 0);
  }),
];

for (let round = 0; round < ROUNDS; round++) {
  for (const one of contestants) {
    const began = process.hrtime.bigint();
    for (let repeat = 0; repeat < one.repeats; repeat++) one.run(values);
    one.nanoseconds.push(Number(process.hrtime.bigint() - began) / (one.repeats * VALUES));
  }
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? NaN;
const base = median(ours.nanoseconds);
for (const { name, nanoseconds } of contestants) {
  const ns = median(nanoseconds);
  console.log(`${name.padEnd(48)} ${ns.toFixed(1).padStart(8)} ns ${(ns / base).toFixed(1).padStart(8)} x`);
}
