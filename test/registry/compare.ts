/** One script, two registries: what differs between their answers. */
import { type Recorded, Recorder } from "../support/parity-recorder.ts";
import type { Script } from "./script.ts";
import { shapeDifferences } from "./shape.ts";
import { type VersionDifference, versionDifferences } from "./version-differences.ts";

/** Plays a script on both. What is recorded is in step. */
export async function playBoth(script: Script, agentUrl: string, consulUrl: string): Promise<[Recorder, Recorder]> {
  const [ours, theirs] = [new Recorder(agentUrl), new Recorder(consulUrl)];
  await Promise.all([script(ours), script(theirs)]);
  return [ours, theirs];
}

export interface Comparison {
  /** Rules of version-differences.ts that explain something. */
  readonly known: ReadonlySet<VersionDifference>;
  /** What none explains, a line each. */
  readonly unknown: readonly string[];
}

/** Compares the shapes of what two versions answer. @param rules of the differences that are known. */
export function compareShapes(
  ours: Recorder,
  theirs: Recorder,
  rules: readonly VersionDifference[] = versionDifferences,
): Comparison {
  const known = new Set<VersionDifference>();
  const unknown: string[] = [];
  ours.records.forEach((record, step) => {
    const other = theirs.records[step];
    const inStep = other !== undefined && other.request === record.request;
    const found = inStep ? shapeDifferences(record, withoutPartitions(other)) : ["is not asked in step"];
    for (const difference of found) {
      const rule = rules.find((one) => one.request.test(record.request) && one.difference.test(difference));
      if (rule === undefined) unknown.push(`${record.request}: ${difference}`);
      else known.add(rule);
    }
  });
  return { known, unknown };
}

/** Names in chains have the partition after the namespace since 1.11; in open-source Consul both are "default". */
function withoutPartitions(record: Recorded): Recorded {
  if (!record.request.includes("/v1/discovery-chain/")) return record;
  return { ...record, body: JSON.parse(JSON.stringify(record.body).replaceAll(".default.default", ".default")) };
}
