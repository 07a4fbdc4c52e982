/**
 * What does a unary call allocate? Bytes per call in steady state, at the client and at the server, of bare grpc-js, the
 * SDK and its transports. Collecting costs CPU and pauses, so what is allocated is paid for later.
 */
import { parseArgs } from "node:util";
import { type Allocated, WATCH_FLAGS } from "./transport/allocation-watch.ts";
import { DEFAULT_SIDES, type Load, type Side } from "./transport/plan.ts";
import { TITLES } from "./transport/report.ts";
import { type Ends, endPair, PLAINTEXT, startPair } from "./transport/start-pair.ts";
import { median } from "./transport/statistics.ts";
import { UsageError } from "./usage-error.ts";

/** Until code is compiled it allocates what it later does not. */
const WARM_UP_CALLS = 30_000;
/** Large messages come to fewer calls. */
const WARM_UP_BYTES = 512 * 1024 * 1024;
const ROUNDS = 7;
/** Of one round: well below the new generation, which V8 begins to collect when four fifths are full. */
const ROUND_BYTES = 96 * 1024 * 1024;
/** What a call of the costliest side takes, beside its messages. */
const CALL_BYTES = 48 * 1024;
/** A message is encoded, framed, kept and copied. */
const MESSAGE_COPIES = 8;

interface Row {
  readonly side: Side;
  readonly client: Bytes;
  readonly server: Bytes;
}

/** Per call. */
interface Bytes {
  readonly heapBytes: number;
  readonly bufferBytes: number;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      bytes: { type: "string", default: "30" },
      concurrency: { type: "string", default: "16" },
      json: { type: "boolean", default: false },
    },
  });
  const [bytes, concurrency] = [Number(values.bytes), Number(values.concurrency)];
  if (!(Number.isInteger(bytes) && bytes >= 0 && Number.isInteger(concurrency) && concurrency >= 1)) {
    throw new UsageError("--bytes and --concurrency are whole numbers, the latter at least 1");
  }
  const load: Load = { kind: "unary", bytes, concurrency, tls: false };
  const rows: Row[] = [];
  for (const side of DEFAULT_SIDES) {
    const ends = await startPair(side, load, PLAINTEXT, WATCH_FLAGS);
    if (ends === undefined) continue;
    try {
      rows.push(await measure(side, ends, load));
    } finally {
      await endPair(ends);
    }
  }
  console.log(values.json ? JSON.stringify({ results: rows.map((row) => ({ ...load, ...row })) }) : table(rows));
}

async function measure(side: Side, ends: Ends, { bytes, concurrency }: Load): Promise<Row> {
  const whole = (calls: number): number => Math.max(1, Math.round(calls / concurrency)) * concurrency;
  let calls = whole(ROUND_BYTES / (CALL_BYTES + MESSAGE_COPIES * bytes));
  for (let done = 0; done < WARM_UP_CALLS && done * bytes < WARM_UP_BYTES; done += calls) {
    await ends.client.ask({ ask: "run", calls });
  }
  const [client, server]: [Bytes[], Bytes[]] = [[], []];
  while (client.length < ROUNDS) {
    await ends.server.ask({ ask: "watch-allocation" });
    await ends.client.ask({ ask: "watch-allocation" });
    await ends.client.ask({ ask: "run", calls });
    const [atClient, atServer] = [
      await ends.client.ask({ ask: "allocated" }),
      await ends.server.ask({ ask: "allocated" }),
    ];
    if (atClient.collections + atServer.collections === 0) {
      client.push(perCall(atClient, calls));
      server.push(perCall(atServer, calls));
    } else if (calls > concurrency) {
      // Buffers make V8 collect as well, at a size of its own choosing.
      calls = whole(calls / 2);
    } else {
      throw new Error(`garbage is collected within ${calls} calls of ${TITLES[side]}: measure smaller messages`);
    }
  }
  return { side, client: medians(client), server: medians(server) };
}

function perCall({ heapBytes, bufferBytes }: Allocated, calls: number): Bytes {
  return { heapBytes: heapBytes / calls, bufferBytes: bufferBytes / calls };
}

function medians(rounds: readonly Bytes[]): Bytes {
  return {
    heapBytes: Math.round(median(rounds.map((round) => round.heapBytes))),
    bufferBytes: Math.round(median(rounds.map((round) => round.bufferBytes))),
  };
}

function table(rows: readonly Row[]): string {
  const cells = ({ heapBytes, bufferBytes }: Bytes): string =>
    String(heapBytes).padStart(14) + String(bufferBytes).padStart(16);
  const head = "bytes per call".padEnd(18) + "client: heap".padStart(14) + "client: buffers".padStart(16);
  return [
    head + "server: heap".padStart(14) + "server: buffers".padStart(16),
    ...rows.map(({ side, client, server }) => TITLES[side].padEnd(18) + cells(client) + cells(server)),
  ].join("\n");
}
