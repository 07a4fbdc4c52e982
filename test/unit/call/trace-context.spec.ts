import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  childSpan,
  formatTraceparent,
  newTrace,
  parseTraceparent,
  type TraceContext,
} from "../../../sdk/src/call/trace-context.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

const hex = (digits: number): fc.Arbitrary<string> =>
  fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: digits, maxLength: digits })
    .map((all) => all.map((digit) => digit.toString(16)).join(""))
    .filter((text) => !/^0+$/.test(text));

describe("a traceparent", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(
        hex(32),
        hex(16),
        fc.nat(255),
        fc.option(fc.string(), { nil: undefined }),
        (traceId, spanId, flags, state) => {
          const trace: TraceContext = { traceId, spanId, flags, state };
          assert.deepEqual(parseTraceparent(formatTraceparent(trace), state), trace);
        },
      ),
    );
  });

  it("of a later version is read as far as it is known", () => {
    const trace = { traceId: TRACE, spanId: SPAN, flags: 1, state: undefined };
    assert.deepEqual(parseTraceparent(`01-${TRACE}-${SPAN}-01-more`), trace);
    assert.deepEqual(parseTraceparent(`cc-${TRACE}-${SPAN}-01`), trace);
  });

  for (const [header, why] of [
    [undefined, "there is none"],
    ["", "it is empty"],
    [`ff-${TRACE}-${SPAN}-01`, "version ff is forbidden"],
    [`00-${TRACE}-${SPAN}-01-more`, "version 00 has four parts"],
    [`00-${"0".repeat(32)}-${SPAN}-01`, "the trace id is zero"],
    [`00-${TRACE}-${"0".repeat(16)}-01`, "the span id is zero"],
    [`00-${TRACE.toUpperCase()}-${SPAN}-01`, "hex is lower case"],
    [`00-${TRACE}-${SPAN}-1`, "flags have two digits"],
    [` 00-${TRACE}-${SPAN}-01`, "blanks are not part of it"],
  ] as const) {
    it(`is not taken when ${why}`, () => {
      assert.equal(parseTraceparent(header), undefined);
    });
  }
});

describe("a trace", () => {
  it("that begins has ids of its own, well formed, however many are drawn", () => {
    const traces = Array.from({ length: 2000 }, newTrace);
    for (const trace of traces) assert.deepEqual(parseTraceparent(formatTraceparent(trace)), trace);
    assert.equal(new Set(traces.map(({ traceId }) => traceId)).size, traces.length);
    assert.equal(new Set(traces.map(({ spanId }) => spanId)).size, traces.length);
  });

  it("goes on in a child under a new span", () => {
    const parent: TraceContext = { traceId: TRACE, spanId: SPAN, flags: 1, state: "vendor=1" };
    const { spanId, ...rest } = childSpan(parent);
    assert.deepEqual(rest, { traceId: TRACE, flags: 1, state: "vendor=1" });
    assert.notEqual(spanId, SPAN);
    assert.match(spanId, /^[0-9a-f]{16}$/);
  });
});
