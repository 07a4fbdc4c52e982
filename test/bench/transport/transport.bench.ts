/**
 * What does a call cost? Calls per CPU-second, client and server together, of bare @grpc/grpc-js, of the whole SDK over it,
 * of the whole SDK over the native transport, and of that transport by itself. Each end is a process of its own, all sides
 * take turns in one run, and the ratio is what counts: absolute numbers belong to the machine.
 */
import { writeFileSync } from "node:fs";
import { testCertificates } from "../../support/certificates.ts";
import { buildCppPeer } from "../cpp/build-peer.ts";
import { chart } from "./chart.ts";
import { compare, type LoadResult } from "./compare.ts";
import { HELP, readPlan } from "./plan.ts";
import { table } from "./report.ts";
import { type Keys, PLAINTEXT } from "./start-pair.ts";

export async function run(args: readonly string[]): Promise<void> {
  if (args.includes("--help")) {
    console.log(HELP);
    return;
  }
  const plan = readPlan(args);
  // Before anything is measured: it may be missing, and it takes a while.
  if (plan.sides.includes("cpp")) buildCppPeer();
  const results: LoadResult[] = [];
  for (const load of plan.loads) {
    const result = await compare(load, plan, load.tls ? mutualTls() : PLAINTEXT);
    results.push(result);
    if (!plan.json) console.log(table(result));
  }
  if (plan.svg !== undefined) writeFileSync(plan.svg, chart(results));
  if (plan.json) console.log(JSON.stringify({ results }));
}

function mutualTls(): Keys {
  const { ca, server, client } = testCertificates();
  // TLS has no names for addresses, and Node warns of those who send one (RFC 6066, section 3).
  return { server: { ca, ...server }, client: { ca, ...client, serverName: "localhost" } };
}
