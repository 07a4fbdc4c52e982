/** Results as an SVG: one group of bars for each load, calls per CPU-second on a logarithmic scale. */
import type { LoadResult } from "./compare.ts";
import { title, TITLES } from "./report.ts";
import { type Side, SIDES } from "./plan.ts";

const COLOURS: Readonly<Record<Side, string>> = {
  bareGrpcJs: "#9aa5b1",
  sdkGrpcJs: "#5b8def",
  sdkNative: "#12a150",
  sdkNativeSilent: "#0b6b36",
  bareNative: "#8fd19e",
  cpp: "#e0903b",
};
const WIDTH = 860;
const LABEL_WIDTH = 140;
const VALUE_WIDTH = 90;
const BAR_HEIGHT = 18;
const GROUP_GAP = 40;
const MARGIN = 24;
/** The shortest bar's share of the longest: a logarithm has no zero to begin at. */
const LEAST_SHARE = 0.05;

export function chart(results: readonly LoadResult[]): string {
  const values = results.flatMap((result) => SIDES.flatMap((side) => result[side]?.callsPerCpuSecond ?? []));
  const [least, most] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))];
  const length = (value: number): number => {
    const share = most === least ? 1 : (Math.log(value) - least) / (most - least);
    return (WIDTH - LABEL_WIDTH - VALUE_WIDTH - 2 * MARGIN) * (LEAST_SHARE + (1 - LEAST_SHARE) * share);
  };
  const marks: string[] = [];
  let y = MARGIN + BAR_HEIGHT;
  marks.push(text(MARGIN, y, "calls per CPU-second, client and server together; logarithmic", "bold"));
  for (const result of results) {
    y += GROUP_GAP;
    marks.push(text(MARGIN, y, title(result), "bold"));
    for (const side of SIDES) {
      const value = result[side]?.callsPerCpuSecond;
      if (value === undefined) continue;
      y += BAR_HEIGHT + 4;
      const [x, width] = [MARGIN + LABEL_WIDTH, length(value)];
      marks.push(text(MARGIN, y, TITLES[side]));
      marks.push(
        `<rect x="${x}" y="${y - BAR_HEIGHT + 4}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" fill="${COLOURS[side]}"/>`,
      );
      marks.push(text(x + width + 6, y, Math.round(value).toLocaleString("en")));
    }
  }
  const height = y + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    ...marks,
    "</svg>\n",
  ].join("\n");
}

function text(x: number, y: number, content: string, weight = "normal"): string {
  return `<text x="${x.toFixed(1)}" y="${y}" font-weight="${weight}">${content}</text>`;
}
