/** Results for people: a table with a bar for each side. */
import type { LoadResult, SideResult } from "./compare.ts";
import { type Load, type Side, SIDES } from "./plan.ts";

export const TITLES: Readonly<Record<Side, string>> = {
  bareGrpcJs: "bare grpc-js",
  sdkGrpcJs: "SDK over grpc-js",
  sdkNative: "SDK over native",
  sdkNativeSilent: "… silent on load",
  bareNative: "bare native",
  cpp: "C++ gRPC",
};

const BAR_CELLS = 24;
const COLUMNS = ["calls/CPU-s", "client us", "server us", "calls/s", "p50 ms", "p99 ms", "RSS MB"] as const;
const COLUMN_WIDTH = 12;
const TITLE_WIDTH = 18;

export function title({ kind, bytes, concurrency, tls }: Load): string {
  const width = kind === "unary" ? `${concurrency} at a time` : `${concurrency} streams`;
  return `${kind}, ${bytes} bytes, ${width}${tls ? ", mutual TLS" : ""}`;
}

export function table(result: LoadResult): string {
  const rows = SIDES.flatMap((side) => {
    const one = result[side];
    return one === null ? [] : [{ side, one }];
  });
  const most = Math.max(...rows.map(({ one }) => one.callsPerCpuSecond));
  const head = "".padEnd(TITLE_WIDTH) + COLUMNS.map((column) => column.padStart(COLUMN_WIDTH)).join("");
  const lines = rows.map(({ side, one }) => TITLES[side].padEnd(TITLE_WIDTH) + cells(one) + `  ${bar(one, most)}`);
  return [title(result), head, ...lines, ...ratios(result)].join("\n") + "\n";
}

function cells(one: SideResult): string {
  return [
    one.callsPerCpuSecond.toFixed(0),
    one.clientUs.toFixed(1),
    one.serverUs.toFixed(1),
    one.callsPerSecond.toFixed(0),
    one.p50Ms.toFixed(3),
    one.p99Ms.toFixed(3),
    one.rssMb.toFixed(0),
  ]
    .map((cell) => cell.padStart(COLUMN_WIDTH))
    .join("");
}

function bar({ callsPerCpuSecond }: SideResult, most: number): string {
  return "█".repeat(Math.max(1, Math.round((BAR_CELLS * callsPerCpuSecond) / most)));
}

function ratios(result: LoadResult): readonly string[] {
  const all = [
    ["SDK over native to bare grpc-js", result.ratio],
    ["SDK over native to the same without load reports", result.sdkNativeToSilent],
    ["SDK over grpc-js to bare grpc-js", result.sdkGrpcJsToBareGrpcJs],
    ["SDK over native to C++ gRPC", result.sdkNativeToCpp],
  ] as const;
  return all.flatMap(([what, ratio]) =>
    ratio === null ? [] : [`${what}, calls per CPU-second: ${ratio.toFixed(2)}x`],
  );
}
