/** Charts of the simulator: every figure in its place, and SVG that is whole. */
import assert from "node:assert/strict";
import { barChart, lineChart } from "../../sim/chart.ts";
import { drawCharts } from "../../sim/charts.ts";

const FORMAT = (value: number): string => `${value} ms`;

/** Every element is closed, and no figure was lost on the way. */
function assertWhole(svg: string): void {
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
  assert.match(svg, /<\/svg>\n$/);
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
  const open: string[] = [];
  for (const [, closing, name, empty] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/gi)) {
    if (closing === "/") assert.equal(open.pop(), name);
    else if (empty !== "/") open.push(name as string);
  }
  assert.deepEqual(open, []);
}

function texts(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, content]) => content as string);
}

describe("charts", () => {
  it("of bars have a longer bar for more, and none for what failed", () => {
    const series = [
      { name: "p2c", values: [10, 100] },
      { name: "a<b", values: [1_000, undefined] },
    ];
    const svg = barChart({ title: "times", labels: ["one", "two"], series, format: FORMAT });
    assertWhole(svg);
    const one = ["one", "p2c", "10 ms", "a&lt;b", "1000 ms"];
    const two = ["two", "p2c", "100 ms", "a&lt;b", "failed"];
    assert.deepEqual(texts(svg), ["times", ...one, ...two]);
    const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
    const [ten, thousand, hundred] = widths as [number, number, number];
    assert.ok(ten < hundred && hundred < thousand);
    assert.ok(Math.abs(hundred - ten - (thousand - hundred)) < 1, "equal ratios are equally far apart");
  });

  it("of lines have a point for every step that was measured", () => {
    const series = [{ name: "p2c", values: [0, 5, undefined, 10] }];
    const svg = lineChart({ title: "errors", labels: ["a", "b", "c", "d"], series, format: FORMAT });
    assertWhole(svg);
    assert.equal([...svg.matchAll(/<circle /g)].length, 3);
    const heights = [...svg.matchAll(/<circle [^>]*cy="([\d.]+)"/g)].map(([, y]) => Number(y));
    assert.ok(heights[0]! > heights[1]! && heights[1]! > heights[2]!);
  });

  it("of the documentation are drawn from the scenarios, with their figures", function () {
    this.timeout(120_000);
    const { files, results } = drawCharts({ seeds: [1], seconds: 1 });
    assert.deepEqual(Object.keys(files), ["p99.svg", "antagonists.svg", "ramp-errors.svg", "ramp-p99.svg", "qrif.svg"]);
    for (const svg of Object.values(files)) assertWhole(svg);
    const { medians } = results.find(({ scenario }) => scenario === "buoyant")!;
    const shown = texts(files["p99.svg"] as string);
    assert.equal(shown[shown.indexOf("p2c") + 1], `${Math.round(medians["p2c"]!.p99Ms)} ms`);
  });
});
