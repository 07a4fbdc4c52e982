/**
 * `npm run conformance` prints what comes of every interop case in every pair of client and server that can be run here,
 * and fails when one fails.
 */
import { GrpcGo } from "./grpc-go.ts";
import { INTEROP_CASE_NAMES } from "./interop-cases.ts";
import { InteropLab, type Verdict } from "./interop-lab.ts";
import { foreignPairs, ownPairs, type Pair } from "./sides.ts";

const WORDS: Readonly<Record<Verdict["kind"], string>> = { passed: "pass", gap: "gap", failed: "FAIL" };

const go = GrpcGo.build();
if (typeof go === "string") console.log(`not run: grpc-go, which cannot be built (${go})`);
const program = typeof go === "string" ? undefined : go;
const pairs = [...ownPairs(), ...(program === undefined ? [] : foreignPairs())];
const reasons = new Set<string>();
const columns: { readonly title: string; readonly words: readonly string[] }[] = [];
for (const pair of pairs) {
  columns.push({ title: `${pair.client} → ${pair.server}`, words: await wordsOf(pair) });
}
program?.remove();

const names = Math.max(...INTEROP_CASE_NAMES.map((name) => name.length));
console.log(["".padEnd(names), ...columns.map(({ title }) => title)].join("  "));
for (const [row, name] of INTEROP_CASE_NAMES.entries()) {
  const words = columns.map(({ title, words }) => (words[row] ?? "").padEnd(title.length));
  console.log([name.padEnd(names), ...words].join("  ").trimEnd());
}
for (const reason of reasons) console.log(reason);

async function wordsOf(pair: Pair): Promise<string[]> {
  const lab = await InteropLab.start(pair, program);
  const words: string[] = [];
  for (const name of INTEROP_CASE_NAMES) {
    const verdict = await lab.run(name);
    words.push(WORDS[verdict.kind]);
    if (verdict.kind === "gap") reasons.add(`gap: ${verdict.reason}`);
    if (verdict.kind === "failed") {
      reasons.add(`FAIL: ${name}, ${pair.client} → ${pair.server}: ${verdict.error.message}`);
      process.exitCode = 1;
    }
  }
  await lab.close();
  return words;
}
