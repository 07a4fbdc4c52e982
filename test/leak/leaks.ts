/**
 * Makes many calls that end in every way there is and then looks for what they have left behind: memory, handles,
 * connections, streams, deadlines, credit. `npm run leaks -- --calls 200000 --seed 1`; needs node --expose-gc.
 */
import { parseArgs } from "node:util";
import { setTimeout as delay } from "node:timers/promises";
import { seededRandom } from "../../sdk/src/call/random.ts";
import { LeakLab } from "./leak-lab.ts";

/**
 * Of the calls, made before the heap is measured for the first time, so that every path is compiled and every pool filled:
 * code and feedback grow by 2 MiB over the first 100,000 calls, and no more after them.
 */
const WARM_UP_SHARE = 0.2;
/** Also where few calls are made. */
const MIN_WARM_UP_CALLS = 5_000;
/**
 * What the heap may differ by: code and feedback of what is still being optimized. 16 bytes for each of the calls of a
 * full run would be 12 MiB.
 */
const MAX_GROWTH_BYTES = 2 * 1024 * 1024;

const { values } = parseArgs({ options: { calls: { type: "string" }, seed: { type: "string" } } });
const calls = Number(values.calls ?? 200_000);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
console.log(`${calls} calls of each kind, seed ${seed}`);

interface Measured {
  readonly heapBytes: number;
  readonly bufferBytes: number;
}

/** What is in use once all that can be freed is. */
async function measure(): Promise<Measured> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("leaks need node --expose-gc");
  for (let round = 0; round < 4; round++) {
    gc();
    await delay(20);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heapBytes: heapUsed, bufferBytes: arrayBuffers };
}

/** What keeps the process alive that did not before: what was there at first may have gone. */
function moreResources(atFirst: readonly string[]): string[] {
  const left = [...atFirst];
  return process.getActiveResourcesInfo().filter((one) => {
    const at = left.indexOf(one);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

async function main(): Promise<string[]> {
  const startedAt = performance.now();
  const faults: string[] = [];
  const atFirst = process.getActiveResourcesInfo();
  const lab = new LeakLab(seededRandom(seed));
  await lab.start();
  await lab.run(Math.max(Math.min(MIN_WARM_UP_CALLS, calls), Math.round(calls * WARM_UP_SHARE)));
  await lab.quiet();
  const before = await measure();
  lab.outcomes.clear();
  await lab.run(calls);
  await lab.quiet();
  const after = await measure();
  const grown = (what: string, was: number, is: number): void => {
    console.log(`${what}: ${kib(was)} before, ${kib(is)} after`);
    if (is - was > MAX_GROWTH_BYTES) faults.push(`${what} grew by ${kib(is - was)}`);
  };
  grown("heap", before.heapBytes, after.heapBytes);
  grown("buffers", before.bufferBytes, after.bufferBytes);
  const outcomes = [...lab.outcomes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => `${name}: ${count}`);
  console.log(`outcomes: ${outcomes.join(", ")}; connections lost: ${lab.losses}`);
  await lab.close();
  await delay(50);
  if (lab.sessions > 0) faults.push(`${lab.sessions} connections were left`);
  const more = moreResources(atFirst);
  if (more.length > 0) faults.push(`handles were left: ${more.join(", ")}`);
  console.log(`took ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return faults;
}

function kib(bytes: number): string {
  return `${Math.round(bytes / 1024)} KiB`;
}

const faults = await main();
for (const fault of faults) console.error(`leak: ${fault} (seed ${seed})`);
process.exitCode = faults.length === 0 ? 0 : 1;
