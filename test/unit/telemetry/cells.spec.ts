import assert from "node:assert/strict";
import * as fc from "fast-check";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { boundedShape } from "../../../sdk/src/telemetry/bounded-cells.ts";
import { CellGrid, ExponentialCells } from "../../../sdk/src/telemetry/exponential-cells.ts";
import { A66_LATENCY_BOUNDS, LATENCY_BOUNDS, SIZE_BOUNDS } from "../../../sdk/src/telemetry/metric-names.ts";

const grid = new CellGrid(3, -20, 10);
/** One cell of the grid is at most this much wider than it is far from zero. */
const CELL_FACTOR = 2 ** (1 / 8) * (1 + 1e-5);

const latency = fc.oneof(
  fc.double({ min: 2 ** -20, max: 2 ** 10, noNaN: true, minExcluded: true }),
  fc.double({ min: -19.9, max: 10, noNaN: true }).map((exponent) => 2 ** exponent),
  fc.constantFrom(...grid.edges.slice(1, -1)),
);
const latencies = fc.array(latency, { minLength: 1, maxLength: 200 });

function filled(values: readonly number[], bounds: readonly number[] = LATENCY_BOUNDS): ExponentialCells {
  const cells = new ExponentialCells(grid, bounds);
  for (const value of values) cells.record(value);
  return cells;
}

const atMost = (values: readonly number[], bound: number): number => values.filter((value) => value <= bound).length;

describe("exponential cells", () => {
  it("keep the count, and the sum as it adds up", () => {
    fc.assert(
      fc.property(latencies, (values) => {
        const cells = filled(values);
        assert.equal(cells.count, values.length);
        assert.equal(
          cells.sum,
          values.reduce((sum, value) => sum + value, 0),
        );
      }),
    );
  });

  it("count each value in the one cell whose lower end it is above and whose upper end it does not pass", () => {
    const edges = Array.from(grid.edges.subarray(1, grid.edges.length - 1));
    fc.assert(
      fc.property(latency, (value) => {
        const counts = filled([value], edges).cumulative();
        assert.deepEqual(
          counts,
          edges.map((edge) => (value <= edge ? 1 : 0)),
        );
      }),
    );
  });

  it("fold exactly at bounds that are edges of the grid, such as every power of two", () => {
    const sizes = new CellGrid(0, 0, 32);
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(2 ** 31 - 1), fc.constantFrom(...SIZE_BOUNDS), fc.nat(5000)), { maxLength: 100 }),
        (values) => {
          const cells = new ExponentialCells(sizes, SIZE_BOUNDS);
          for (const value of values) cells.record(value);
          assert.deepEqual(
            cells.cumulative(),
            SIZE_BOUNDS.map((bound) => atMost(values, bound)),
          );
        },
      ),
    );
  });

  it("are off at any other bound by no more than the one cell that it cuts holds", () => {
    fc.assert(
      fc.property(latencies, (values) => {
        for (const [index, count] of filled(values).cumulative().entries()) {
          const bound = LATENCY_BOUNDS[index]!;
          assert.ok(count >= atMost(values, bound / CELL_FACTOR), `too few at ${bound}`);
          assert.ok(count <= atMost(values, bound * CELL_FACTOR), `too many at ${bound}`);
        }
      }),
    );
  });

  it("never fall, neither from bound to bound nor as values come", () => {
    fc.assert(
      fc.property(latencies, latency, (values, another) => {
        const cells = filled(values);
        const before = cells.cumulative();
        cells.record(another);
        const after = cells.cumulative();
        assert.ok(after.every((count, index) => count >= before[index]!));
        assert.ok(after.every((count, index) => count >= (after[index - 1] ?? 0)));
        assert.ok(after.at(-1)! <= cells.count);
      }),
    );
  });

  it("give quantiles that are at most half a cell off", () => {
    const half = 2 ** (1 / 16) * (1 + 1e-5);
    fc.assert(
      fc.property(latencies, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
        const exact = values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(q * values.length) - 1)]!;
        const estimate = filled(values).quantile(q);
        assert.ok(estimate <= exact * half && estimate >= exact / half, `${estimate} for ${exact}`);
      }),
    );
  });

  it("count what lies outside the grid at its ends, and what is no number above zero as 0", () => {
    const cells = filled([0, -3, NaN, Infinity, Number.MIN_VALUE, 1e-9, 1e9], [0, 2 ** -20, 2 ** 10]);
    assert.deepEqual(cells.cumulative(), [4, 6, 6]);
    assert.equal(cells.count, 7);
    assert.equal(cells.sum, 1e9 + 1e-9);
    assert.equal(cells.quantile(0.5), 0);
    assert.equal(cells.quantile(1), 1024);
  });

  it("have no quantile while they are empty, and forget on reset", () => {
    const cells = filled([1, 2]);
    cells.reset();
    assert.equal(cells.quantile(0.5), NaN);
    assert.equal(cells.count + cells.sum, 0);
  });
});

describe("bounded cells", () => {
  it("are exact at every bound", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(latency, fc.constantFrom(...A66_LATENCY_BOUNDS)), { maxLength: 100 }), (values) => {
        const cells = boundedShape(A66_LATENCY_BOUNDS).newCells();
        for (const value of values) cells.record(value);
        assert.deepEqual(
          cells.cumulative(),
          A66_LATENCY_BOUNDS.map((bound) => atMost(values, bound)),
        );
        assert.equal(cells.count, values.length);
      }),
    );
  });

  it("refuse bounds that do not ascend, saying which", () => {
    assert.throws(
      () => boundedShape([1, 3, 2]),
      (error) =>
        error instanceof MeshError && error.code === "INVALID_ARGUMENT" && error.reason.endsWith("look at number 3, 2"),
    );
    assert.throws(() => boundedShape([]), /there is none/);
    assert.throws(() => boundedShape([1, Infinity]), /look at number 2, Infinity/);
  });
});
