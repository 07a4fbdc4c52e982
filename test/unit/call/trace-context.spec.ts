import assert from "node:assert/strict";
import { childSpan, formatTraceparent, newTrace, parseTraceparent } from "../../../sdk/src/call/trace-context.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

describe("a trace context", () => {
  it("comes back from its header as it went", () => {
    const trace = parseTraceparent(`00-${TRACE}-${SPAN}-01`, "vendor=1");
    assert.deepEqual(trace, { traceId: TRACE, spanId: SPAN, flags: 1, state: "vendor=1" });
    assert.equal(formatTraceparent(trace), `00-${TRACE}-${SPAN}-01`);
  });

  it("of a later version is read as far as this one knows", () => {
    assert.equal(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-ever`)?.traceId, TRACE);
    assert.equal(parseTraceparent(`cc-${TRACE}-${SPAN}-01`)?.spanId, SPAN);
  });

  it("is none when the header breaks the rules", () => {
    const broken = [
      undefined,
      "",
      TRACE,
      `00-${TRACE}-${SPAN}-01-more`,
      `ff-${TRACE}-${SPAN}-01`,
      `00-${"0".repeat(32)}-${SPAN}-01`,
      `00-${TRACE}-${"0".repeat(16)}-01`,
      `00-${TRACE.toUpperCase()}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}-1`,
      ` 00-${TRACE}-${SPAN}-01`,
      `cc-${TRACE}-${SPAN}-01.more`,
    ];
    for (const header of broken) assert.equal(parseTraceparent(header), undefined, String(header));
  });

  it("begins with ids of its own, and goes deeper with a new span alone", () => {
    const ids = new Set<string>();
    for (let count = 0; count < 1_000; count++) {
      const trace = newTrace();
      assert.match(formatTraceparent(trace), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
      ids.add(trace.traceId).add(trace.spanId);
    }
    assert.equal(ids.size, 2_000);
    const parent = { traceId: TRACE, spanId: SPAN, flags: 1, state: "vendor=1" };
    const child = childSpan(parent);
    assert.notEqual(child.spanId, SPAN);
    assert.deepEqual({ ...child, spanId: SPAN }, parent);
  });
});
