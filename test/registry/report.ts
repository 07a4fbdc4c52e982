/**
 * `npm run test:registry` puts our agent and every Consul that it finds through the same scripts, prints what comes of each,
 * and fails when an answer differs in a way that is not listed, or when a Consul that REQUIRE_PEERS names is missing. A
 * current Consul is built first where Go is there.
 */
import { execFileSync } from "node:child_process";
import { startAgent } from "@meshwork/agent";
import { isDeepStrictEqual } from "node:util";
import { buildCurrentConsul, findCurrentConsul } from "../support/current-consul.ts";
import { notRun } from "../support/not-run.ts";
import type { Recorder } from "../support/parity-recorder.ts";
import { findConsul, startConsul } from "../support/real-consul.ts";
import { areas } from "./areas.ts";
import { compareShapes, playBoth } from "./compare.ts";

interface Column {
  readonly title: string;
  readonly words: readonly string[];
}

const cases = Object.entries(areas).flatMap(([area, scripts]) =>
  Object.entries(scripts).map(([what, script]) => ({ name: `${area}: ${what}`, script })),
);
const complaints: string[] = [];
const columns: Column[] = [];

const emulated = findConsul();
if (emulated === undefined)
  notRun("the comparison with a real Consul", "consul", "set CONSUL_BIN or put consul on PATH");
else columns.push(await column(emulated, sameRecords));
const current = findCurrentConsul() ?? built();
if (current !== undefined) columns.push(await column(current, sameShapes));
print();
for (const complaint of complaints) console.log(complaint);
if (complaints.length > 0) process.exitCode = 1;

function built(): string | undefined {
  console.log("building a current Consul; this takes some minutes, once");
  const result = buildCurrentConsul();
  if ("binary" in result) return result.binary;
  notRun(
    "the comparison with a current Consul",
    "current-consul",
    `it cannot be built (${result.failure.split("\n")[0]})`,
  );
  return undefined;
}

/** Every case on an agent and a Consul that nobody else uses. */
async function column(
  binary: string,
  verdict: (ours: Recorder, theirs: Recorder) => string[] | string,
): Promise<Column> {
  const version = /v([\d.]+)/.exec(execFileSync(binary, ["version"], { encoding: "utf8" }))?.[1] ?? "?";
  const [agent, consul] = await Promise.all([startAgent(), startConsul({ binary })]);
  const words: string[] = [];
  for (const { name, script } of cases) {
    const found = await playBoth(script, agent.url, consul.url).then(
      ([ours, theirs]) => verdict(ours, theirs),
      (error: unknown) => [String(error)],
    );
    words.push(typeof found === "string" ? found : "FAIL");
    if (typeof found !== "string") for (const one of found) complaints.push(`FAIL: ${name}, consul ${version}: ${one}`);
  }
  await Promise.all([agent.close(), consul.close()]);
  return { title: `consul ${version}`, words };
}

function sameRecords(ours: Recorder, theirs: Recorder): string[] | string {
  const wrong = ours.records.filter((record, step) => !isDeepStrictEqual(record, theirs.records[step]));
  if (wrong.length > 0) return wrong.map(({ request }) => `${request} is not answered alike`);
  return `${ours.records.length} alike`;
}

function sameShapes(ours: Recorder, theirs: Recorder): string[] | string {
  const { known, unknown } = compareShapes(ours, theirs);
  if (unknown.length > 0) return [...unknown];
  return known.size === 0 ? `${ours.records.length} alike` : `${ours.records.length} alike but for ${known.size} known`;
}

function print(): void {
  const width = Math.max(...cases.map(({ name }) => name.length));
  const widths = columns.map(({ title, words }) => Math.max(title.length, ...words.map((word) => word.length)));
  const line = (name: string, cells: readonly string[]): string =>
    [name.padEnd(width), ...cells.map((cell, at) => cell.padEnd(widths[at] ?? 0))].join("  ").trimEnd();
  console.log(
    line(
      "agent beside",
      columns.map(({ title }) => title),
    ),
  );
  cases.forEach(({ name }, row) =>
    console.log(
      line(
        name,
        columns.map(({ words }) => words[row] ?? ""),
      ),
    ),
  );
}
