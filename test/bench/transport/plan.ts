/** What `npm run bench -- transport` can be told, and the words its files share. */
import { parseArgs } from "node:util";
import { UsageError } from "../usage-error.ts";

/** What is compared; each is one process that serves and one that calls. */
export const SIDES = ["bareGrpcJs", "sdkGrpcJs", "sdkNative", "sdkNativeSilent", "bareNative", "cpp"] as const;
export type Side = (typeof SIDES)[number];
/** Without what asks for more: a compiler, or a question of its own. */
export const DEFAULT_SIDES: readonly Side[] = SIDES.filter((side) => side !== "cpp" && side !== "sdkNativeSilent");

export const KINDS = ["unary", "stream"] as const;
export type Kind = (typeof KINDS)[number];

/** What one comparison carries. */
export interface Load {
  readonly kind: Kind;
  /** Of one encoded message, in both directions; of streams, in the server's. */
  readonly bytes: number;
  /** Calls, or streams, that are open at a time. */
  readonly concurrency: number;
  /** Mutual TLS in place of plaintext. */
  readonly tls: boolean;
}

export interface Plan {
  readonly loads: readonly Load[];
  readonly sides: readonly Side[];
  readonly rounds: number;
  /** About how long one side works in one round. */
  readonly seconds: number;
  readonly json: boolean;
  /** Where to write a chart. */
  readonly svg: string | undefined;
}

/** With it, as every call in production has one; far enough that no machine is too slow for it. */
export const DEADLINE_MS = 60_000;

/** Below what every side accepts by default, 4 MiB. */
const MOST_BYTES = 4_000_000;
const MOST_CONCURRENCY = 10_000;
const MOST_ROUNDS = 1_000;
const MOST_SECONDS = 600;

export const HELP = `Calls per CPU-second, client and server together, of the SDK and of what it stands on, in turns.

  npm run bench -- transport
  npm run -s bench -- transport --bytes 30 --concurrency 16 --kinds unary --json

  --bytes n,…        sizes of a message; default 30,1024,65536
  --concurrency n,…  calls, or streams, open at a time; default 1,16,128
  --kinds k,…        ${KINDS.join(", ")}; default both. A call of a stream is one message from the server
  --tls              mutual TLS in place of plaintext
  --rounds n         turns of every side; default 7
  --seconds n        about how long a turn takes; default 1
  --sides s,…        ${SIDES.join(", ")}; default all but cpp and sdkNativeSilent, which
                     has no load reports: beside sdkNative it tells what they cost
  --cpp              C++ gRPC as well; needs g++ and libgrpc++
  --json             one line of JSON in place of a table
  --svg file         writes a chart as well`;

/** Throws UsageError that names what is wrong. */
export function readPlan(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      bytes: { type: "string", default: "30,1024,65536" },
      concurrency: { type: "string", default: "1,16,128" },
      kinds: { type: "string", default: KINDS.join() },
      tls: { type: "boolean", default: false },
      rounds: { type: "string", default: "7" },
      seconds: { type: "string", default: "1" },
      sides: { type: "string", default: DEFAULT_SIDES.join() },
      cpp: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      svg: { type: "string" },
    },
  });
  const sizes = values.bytes.split(",").map((text) => whole("bytes", text, 0, MOST_BYTES));
  const widths = values.concurrency.split(",").map((text) => whole("concurrency", text, 1, MOST_CONCURRENCY));
  const kinds = values.kinds.split(",").map((text) => oneOf("kinds", text, KINDS));
  const sides = new Set(values.sides.split(",").map((text) => oneOf("sides", text, SIDES)));
  if (values.cpp) sides.add("cpp");
  const { tls } = values;
  return {
    loads: kinds.flatMap((kind) =>
      sizes.flatMap((bytes) => widths.map((concurrency) => ({ kind, bytes, concurrency, tls }))),
    ),
    sides: SIDES.filter((side) => sides.has(side)),
    rounds: whole("rounds", values.rounds, 1, MOST_ROUNDS),
    seconds: inRange("seconds", values.seconds, 0.01, MOST_SECONDS),
    json: values.json,
    svg: values.svg,
  };
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = inRange(option, text, least, most);
  if (Number.isInteger(value)) return value;
  throw new UsageError(`--${option} is ${text}: write a whole number`);
}

function inRange(option: string, text: string, least: number, most: number): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (value >= least && value <= most) return value;
  throw new UsageError(`--${option} is ${JSON.stringify(text)}: write a number, ${least} to ${most}`);
}

function oneOf<T extends string>(option: string, text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text);
  if (found !== undefined) return found;
  throw new UsageError(`--${option} is ${JSON.stringify(text)}: write some of ${known.join(", ")}`);
}
