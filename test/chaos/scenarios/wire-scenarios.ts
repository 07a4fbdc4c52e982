/** What stands between programs and their agent: answers that break off, that crawl, that never come. */
import { until } from "../../support/consul-cluster.ts";
import type { Trouble } from "../../support/unkind-proxy.ts";
import type { Scenario } from "../scenario.ts";
import { stir } from "../stir.ts";

/** Longer than the TTL of checks and the time between two heartbeats, so that every check runs out of which none arrives. */
const LONG = { full: 30_000, short: 15_000 } as const;
/** An answer about three greeters is of 3 KB: it takes two minutes, longer than any of the timeouts. */
const BYTES_PER_SECOND = 25;
/** Heartbeats go every 3.3 s, and a stir has the watch answered. */
const FELT_WITHIN_MS = 15_000;

function overTheWire(
  name: string,
  trouble: Exclude<Trouble, { readonly kind: "none" }>,
  first: "stir" | "wait",
): Scenario {
  return {
    name,
    way: "proxy",
    lasts: LONG,
    break: ({ proxy }) => proxy.make(trouble),
    async prove({ proxy, cluster }) {
      if (first === "stir") await stir(cluster.agent);
      await until(`the proxy makes trouble (${trouble.kind})`, () => proxy.made[trouble.kind] > 0, FELT_WITHIN_MS);
    },
    mend: ({ proxy }) => proxy.make({ kind: "none" }),
  };
}

export const wireScenarios: readonly Scenario[] = [
  overTheWire("answers truncated in their body", { kind: "truncate" }, "stir"),
  overTheWire("answers slowed to bytes per second", { kind: "slow", bytesPerSecond: BYTES_PER_SECOND }, "stir"),
  // The answer that is held back the longest is the one that tells of the first check that has run out.
  overTheWire("answers that never come", { kind: "hang" }, "wait"),
  overTheWire("connections reset", { kind: "reset" }, "stir"),
];
