import assert from "node:assert/strict";
import { describe, it } from "mocha";
import * as fc from "fast-check";
import {
  decodeLoadReport,
  encodeLoadReport,
  LOAD_REPORT_KEY,
  takeLoadReport,
} from "../../../sdk/src/balancing/orca.ts";
import { Metadata } from "../../../sdk/src/call/metadata.ts";

/** A field of type double, as protobuf's encoding has it. */
function double(field: number, value: number): number[] {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return [(field << 3) | 1, ...bytes];
}

describe("load reports on the wire", () => {
  it("come back as they were sent", () => {
    for (const report of [
      { inFlight: 7, latencyMs: 12.5, utilization: 0.4, qps: 120.5, eps: 0.25 },
      { inFlight: 0, latencyMs: undefined, utilization: 0, qps: 0, eps: 0 },
    ]) {
      assert.deepEqual(decodeLoadReport(encodeLoadReport(report)), report);
    }
  });

  it("have the numbers of ORCA's fields", () => {
    const report = { inFlight: undefined, latencyMs: undefined, utilization: 0.5, qps: 10, eps: 1 };
    assert.deepEqual([...encodeLoadReport(report)], [...double(6, 10), ...double(7, 1), ...double(9, 0.5)]);
  });

  it("of other servers are read, with the CPU's use where the application says nothing", () => {
    const bytes = Uint8Array.from([...double(1, 0.75), ...double(2, 0.1), ...double(6, 30)]);
    assert.deepEqual(decodeLoadReport(bytes), {
      inFlight: undefined,
      latencyMs: undefined,
      utilization: 0.75,
      qps: 30,
      eps: 0,
    });
  });

  it("say nothing when they are none, or their figures are none", () => {
    assert.equal(decodeLoadReport(Uint8Array.from([9, 1, 2])), undefined);
    for (const figure of [-1, NaN, Infinity]) {
      assert.equal(decodeLoadReport(Uint8Array.from(double(9, figure))), undefined, String(figure));
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void decodeLoadReport(bytes)));
  });

  it("are taken out of trailers, and nothing else is", () => {
    const trailers = new Metadata().set("a", "b").set(LOAD_REPORT_KEY, Uint8Array.of(1));
    assert.deepEqual(takeLoadReport(trailers), Uint8Array.of(1));
    assert.deepEqual([...trailers], [["a", "b"]]);
    assert.equal(takeLoadReport(trailers), undefined);
  });
});
