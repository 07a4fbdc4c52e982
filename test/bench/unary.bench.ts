/**
 * What the whole SDK costs over the transport it runs on: calls per CPU-second, client and server together, of small
 * unary calls at concurrency 16, against @grpc/grpc-js as its users write it. Both in one run, rounds interleaved, each
 * side a process of its own; the ratio is what counts, for absolute times belong to the machine.
 *
 *     npm run build && npx tsx test/bench/unary.bench.ts [--rounds 9] [--calls 4000] [--concurrency 16]
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    calls: { type: "string", default: "4000" },
    concurrency: { type: "string", default: "16" },
    json: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const calls = Number(values.calls);
const concurrency = Number(values.concurrency);

const KINDS = ["grpc-js", "sdk"] as const;
type Kind = (typeof KINDS)[number];

interface Round {
  readonly clientUs: number;
  readonly serverUs: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

class Peer {
  readonly #process: ChildProcess;

  constructor(role: "server" | "client", kind: Kind) {
    this.#process = fork(fileURLToPath(new URL("unary-peer.ts", import.meta.url)), [role, kind], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
  }

  /** Sends a request and resolves its answer. */
  async ask<T>(request: object): Promise<T> {
    const answer = once(this.#process, "message");
    this.#process.send(request);
    return (await answer)[0] as T;
  }

  async end(): Promise<void> {
    const exit = once(this.#process, "exit");
    this.#process.disconnect();
    await exit;
  }
}

async function round(client: Peer, server: Peer, count: number): Promise<Round> {
  await server.ask({ kind: "cpu" });
  const result = await client.ask<{ cpuUs: number; ms: number; p50Ms: number; p99Ms: number }>({
    kind: "run",
    calls: count,
    concurrency,
  });
  const { cpuUs } = await server.ask<{ cpuUs: number }>({ kind: "cpu" });
  return {
    clientUs: result.cpuUs / count,
    serverUs: cpuUs / count,
    callsPerSecond: (count * 1000) / result.ms,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
  };
}

const peers = new Map<Kind, { client: Peer; server: Peer }>();
for (const kind of KINDS) {
  const server = new Peer("server", kind);
  const { port } = await server.ask<{ port: number }>({ kind: "listen" });
  const client = new Peer("client", kind);
  await client.ask({ kind: "connect", port });
  peers.set(kind, { client, server });
}
const results = new Map<Kind, Round[]>(KINDS.map((kind) => [kind, []]));
for (const { client, server } of peers.values()) await round(client, server, calls);
for (let at = 0; at < rounds; at++) {
  for (const [kind, { client, server }] of peers) results.get(kind)?.push(await round(client, server, calls));
}
for (const { client, server } of peers.values()) {
  await client.end();
  await server.end();
}

const ratios = (results.get("sdk") ?? []).map((sdk, at) => {
  const bare = results.get("grpc-js")?.[at];
  return bare === undefined ? Number.NaN : (bare.clientUs + bare.serverUs) / (sdk.clientUs + sdk.serverUs);
});
const row = (kind: Kind, pick: (one: Round) => number): number => median((results.get(kind) ?? []).map(pick));
for (const kind of KINDS) {
  console.log(
    `${kind.padEnd(8)} cpu/call client ${row(kind, (one) => one.clientUs).toFixed(1)} us, server ${row(kind, (one) => one.serverUs).toFixed(1)} us; ` +
      `${row(kind, (one) => one.callsPerSecond).toFixed(0)} calls/s, p50 ${row(kind, (one) => one.p50Ms).toFixed(2)} ms, p99 ${row(kind, (one) => one.p99Ms).toFixed(2)} ms`,
  );
}
console.log(
  `calls per CPU-second, sdk over grpc-js: ${median(ratios).toFixed(2)}x (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} over ${rounds} rounds)`,
);

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
