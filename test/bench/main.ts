/**
 * `npm run bench -- <name> [options]`: benchmarks, one question each. What counts in their answers is ratios of one run;
 * absolute times belong to the machine.
 */
import { UsageError } from "./usage-error.ts";

interface Benchmark {
  readonly asks: string;
  run(args: readonly string[]): Promise<unknown>;
}

/** Loaded when asked for: each brings what it compares with. */
const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  transport: {
    asks: "what does a call cost, against grpc-js and C++ gRPC? (--help tells more)",
    run: async (args) => (await import("./transport/transport.bench.ts")).run(args),
  },
  allocation: {
    asks: "what does a unary call allocate? (--bytes, --concurrency, --json)",
    run: async (args) => (await import("./allocation.bench.ts")).run(args),
  },
  metrics: {
    asks: "what does it cost to observe a call, against prom-client?",
    run: () => import("./metrics.bench.ts"),
  },
  pick: {
    asks: "what does a pick cost, by policy and endpoints? (--policy, --json)",
    run: async (args) => (await import("./pick.bench.ts")).run(args),
  },
  balancing: {
    asks: "what do callers feel when instances are slow, fail, come and leave, against grpc-js? (--rate, --seconds, --json)",
    run: async (args) => (await import("./balancing.bench.ts")).run(args),
  },
  discovery: {
    asks: "what does it cost to follow 200 of 500 services? (--services, --instances, --watched, --idle, --changes, --json)",
    run: async (args) => (await import("./discovery.bench.ts")).run(args),
  },
  visible: {
    asks: "how long until calls obey a change in Consul? (--changes, --rate, --json)",
    run: async (args) => (await import("./visible.bench.ts")).run(args),
  },
};

const [name = "", ...args] = process.argv.slice(2);
const benchmark = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
if (benchmark === undefined) {
  console.error(`usage: npm run bench -- <name> [options]\n`);
  for (const [name, { asks }] of Object.entries(BENCHMARKS)) console.error(`  ${name.padEnd(12)} ${asks}`);
  process.exitCode = 2;
} else {
  await benchmark.run(args).catch((error: unknown) => {
    if (!isUsageError(error)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  });
}

/** parseArgs has errors of its own for options that it does not know. */
function isUsageError(error: unknown): error is Error {
  if (error instanceof UsageError) return true;
  return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
}
