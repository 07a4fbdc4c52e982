/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context/): who this call belongs to, carried in the metadata keys
 * "traceparent" and "tracestate" and written into every log line. Spans are made elsewhere; identity is always kept.
 */
import { randomFillSync } from "node:crypto";

export const TRACEPARENT_KEY = "traceparent";
export const TRACESTATE_KEY = "tracestate";

export interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hex digits of the span that is current, not all zero. */
  readonly spanId: string;
  /** Trace flags; bit 0 is "sampled". */
  readonly flags: number;
  /** The vendors' own part, passed on untouched. */
  readonly state: string | undefined;
}

/** Every part has its place, so what has the form is cut, not matched: every call is read twice. */
const FORM = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;
const TRACE_ID_AT = 3;
const SPAN_ID_AT = 36;
const FLAGS_AT = 53;
const LENGTH = 55;
const ZERO = /^0+$/;
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

/** The context in a traceparent header, or undefined when it is not valid (section 3.2). */
export function parseTraceparent(header: string | undefined, state?: string): TraceContext | undefined {
  if (header === undefined || !FORM.test(header)) return undefined;
  // Version 00 ends behind the flags; later ones may go on behind another dash; ff is never used.
  if (header.startsWith("ff") || (header.length > LENGTH && header.startsWith("00"))) return undefined;
  const traceId = header.slice(TRACE_ID_AT, TRACE_ID_AT + 32);
  const spanId = header.slice(SPAN_ID_AT, SPAN_ID_AT + 16);
  if (ZERO.test(traceId) || ZERO.test(spanId)) return undefined;
  return { traceId, spanId, flags: Number.parseInt(header.slice(FLAGS_AT, LENGTH), 16), state };
}

export function formatTraceparent(trace: TraceContext): string {
  const flags = trace.flags === 0 ? "00" : trace.flags.toString(16).padStart(2, "0");
  return `00-${trace.traceId}-${trace.spanId}-${flags}`;
}

/** A trace that begins here, not sampled. */
export function newTrace(): TraceContext {
  const ids = hexId(TRACE_ID_BYTES + SPAN_ID_BYTES);
  const traceId = ids.slice(0, 2 * TRACE_ID_BYTES);
  const spanId = ids.slice(2 * TRACE_ID_BYTES);
  // One in 2^64, but the specification has a rule for it.
  if (ZERO.test(spanId) || ZERO.test(traceId)) return newTrace();
  return { traceId, spanId, flags: 0, state: undefined };
}

/** The same trace one span deeper. */
export function childSpan(trace: TraceContext): TraceContext {
  return { traceId: trace.traceId, spanId: hexId(SPAN_ID_BYTES), flags: trace.flags, state: trace.state };
}

/** Ids are cut from a pool: asking the kernel for each costs thirty times as much. */
const POOL_BYTES = 4096;
const pool = Buffer.allocUnsafe(POOL_BYTES);
let used = POOL_BYTES;

function hexId(bytes: number): string {
  if (used + bytes > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const id = pool.toString("hex", used, used + bytes);
  used += bytes;
  return ZERO.test(id) ? hexId(bytes) : id;
}
