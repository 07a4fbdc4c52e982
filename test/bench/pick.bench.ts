/**
 * What does a pick cost? Every policy among 10 to 10,000 endpoints, as calls pick: the balancer asks its policy and the
 * pick is counted. Each policy has a process of its own, as most clients know only one: in a process that runs several,
 * V8 compiles their calls for all of them.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { PICK_POLICIES } from "../../sdk/src/balancing/pick-policies.ts";
import type { Measured } from "./pick-cost.ts";
import { WATCH_FLAGS } from "./transport/allocation-watch.ts";
import { UsageError } from "./usage-error.ts";

const SIZES = [10, 100, 1_000, 10_000];
interface PickCost {
  readonly policy: string;
  readonly endpoints: number;
  readonly nsPerPick: number;
  /** Of a call from its pick to its end. */
  readonly bytesPerPick: number;
}

const WORKER = fileURLToPath(new URL("pick-cost.ts", import.meta.url));

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { policy: { type: "string" }, json: { type: "boolean", default: false } },
  });
  const known = Object.keys(PICK_POLICIES);
  const policies = values.policy?.split(",") ?? known;
  const unknown = policies.find((policy) => !known.includes(policy));
  if (unknown !== undefined) throw new UsageError(`--policy names ${unknown}: write some of ${known.join(", ")}`);
  const results: PickCost[] = [];
  for (const policy of policies) results.push(...(await measure(policy)));
  console.log(values.json ? JSON.stringify({ results }) : table(results));
}

/** Time in a process that runs as services do; memory in one that never collects. */
async function measure(policy: string): Promise<PickCost[]> {
  const times = await ask("time", policy, []);
  const bytes = await ask("memory", policy, WATCH_FLAGS);
  return SIZES.map((endpoints) => ({
    policy,
    endpoints,
    nsPerPick: rounded(times.get(endpoints)),
    bytesPerPick: rounded(bytes.get(endpoints)),
  }));
}

async function ask(what: "time" | "memory", policy: string, flags: readonly string[]): Promise<Map<number, number>> {
  const child = fork(WORKER, [what, policy, ...SIZES.map(String)], { execArgv: ["--import", "tsx", ...flags] });
  const found = new Map<number, number>();
  child.on("message", (message) => {
    const { endpoints, value } = message as Measured;
    found.set(endpoints, value);
  });
  const [status] = (await once(child, "close")) as [number | null];
  if (status !== 0) throw new Error(`the process that measures ${what} of ${policy} ended with ${status}`);
  return found;
}

function rounded(value = Number.NaN): number {
  return Math.round(value * 10) / 10;
}

function table(results: readonly PickCost[]): string {
  const policies = [...new Set(results.map(({ policy }) => policy))];
  const header = `${"policy".padEnd(22)}${SIZES.map((size) => size.toLocaleString("en").padStart(20)).join("")}`;
  const lines = policies.map((policy) => {
    const cells = results
      .filter((one) => one.policy === policy)
      .map(({ nsPerPick, bytesPerPick }) => `${nsPerPick.toFixed(0)} ns ${bytesPerPick.toFixed(1)} B`.padStart(20));
    return policy.padEnd(22) + cells.join("");
  });
  return ["time and memory of a pick, by endpoints", header, ...lines].join("\n");
}
