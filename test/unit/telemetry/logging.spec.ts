import assert from "node:assert/strict";
import { Cancellation } from "../../../sdk/src/call/cancellation.ts";
import { runInContext } from "../../../sdk/src/call/call-context.ts";
import type { Logger } from "../../../sdk/src/call/logger.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { clientLogObserver, serverLogObserver } from "../../../sdk/src/telemetry/call-log.ts";
import { createLogger } from "../../../sdk/src/telemetry/logging.ts";
import { VirtualClock } from "../../../sdk/src/testing/index.ts";
import { clientCall, methodNamed, serverCall, trace } from "./records.ts";

type Line = Record<string, unknown>;

function logTo(lines: string[], level?: string): Logger {
  const destination = { write: (line: string) => void lines.push(line) };
  return createLogger({
    service: "greeter",
    instance: "greeter-1",
    destination,
    ...(level !== undefined && { level }),
  });
}

const parsed = (lines: readonly string[]): Line[] => lines.map((line) => JSON.parse(line) as Line);
const ambient = {
  deadline: Infinity,
  cancellation: new Cancellation(),
  trace,
  criticality: "DEFAULT",
  previousAttempts: 0,
} as const;
const sayHello = methodNamed("SayHello");
const LABEL = "greeter.v1.GreeterService/SayHello";

describe("a logger", () => {
  const configured = process.env["MESH_LOG_LEVEL"];
  beforeEach(() => {
    delete process.env["MESH_LOG_LEVEL"];
  });
  afterEach(() => {
    delete process.env["MESH_LOG_LEVEL"];
    if (configured !== undefined) process.env["MESH_LOG_LEVEL"] = configured;
  });

  it("writes JSON lines that say who, when and how grave", () => {
    const lines: string[] = [];
    logTo(lines).info({ port: 1 }, "it listens");
    const [{ time, ...line } = {}] = parsed(lines);
    assert.deepEqual(line, { level: "info", service: "greeter", instance: "greeter-1", port: 1, msg: "it listens" });
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it("adds the trace of the call being served, once, also through a child that names it itself", () => {
    const lines: string[] = [];
    const log = logTo(lines);
    const child = log.child({ method: "m", trace_id: "c".repeat(32), span_id: "d".repeat(16) });
    log.info("outside");
    runInContext(ambient, () => {
      log.info("inside");
      child.info("by the child");
    });
    const [outside, inside, byChild] = parsed(lines);
    assert.equal(outside?.["trace_id"], undefined);
    assert.deepEqual([inside?.["trace_id"], inside?.["span_id"]], [trace.traceId, trace.spanId]);
    assert.equal(byChild?.["trace_id"], "c".repeat(32));
    assert.equal(lines[2]?.match(/trace_id/g)?.length, 1);
  });

  it("takes its level from MESH_LOG_LEVEL unless it is given one, and is at info without either", () => {
    assert.ok(!logTo([]).isLevelEnabled("debug"));
    process.env["MESH_LOG_LEVEL"] = "debug";
    assert.ok(logTo([]).isLevelEnabled("debug"));
    assert.ok(!logTo([], "warn").isLevelEnabled("info"));
    assert.ok(!logTo([], "silent").isLevelEnabled("fatal"));
  });

  it("refuses a level that is none, saying where it came from and which there are", () => {
    process.env["MESH_LOG_LEVEL"] = "loud";
    assert.throws(
      () => logTo([]),
      (error) =>
        error instanceof MeshError &&
        error.code === "INVALID_ARGUMENT" &&
        error.reason === 'MESH_LOG_LEVEL "loud" is none: use one of trace, debug, info, warn, error, fatal, silent',
    );
    assert.throws(() => logTo([], ""), /log level "" is none/);
  });
});

describe("the log of calls", () => {
  const levelOf = (lines: readonly string[]): unknown => parsed(lines).at(-1)?.["level"];

  it("has one line for a call at its client", () => {
    const lines: string[] = [];
    const observer = clientLogObserver(logTo(lines), { clock: new VirtualClock() })(sayHello, "consul:///greeter");
    observer.callEnded?.(
      clientCall({ code: "UNAVAILABLE", reason: "no endpoint answers", durationMs: 12.34567, attempts: 3, retries: 2 }),
    );
    const [{ time: _time, service: _service, instance: _instance, ...line } = {}] = parsed(lines);
    assert.deepEqual(line, {
      level: "warn",
      method: LABEL,
      target: "consul:///greeter",
      code: "UNAVAILABLE",
      duration_ms: 12.346,
      endpoint: "127.0.0.1:1",
      attempts: 3,
      trace_id: trace.traceId,
      span_id: trace.spanId,
      msg: "call failed with UNAVAILABLE: no endpoint answers",
    });
  });

  it("keeps calls that went well for debugging, and then leaves none out", () => {
    const [quiet, chatty]: [string[], string[]] = [[], []];
    for (const [lines, level] of [
      [quiet, "info"],
      [chatty, "debug"],
    ] as const) {
      const observer = serverLogObserver(logTo(lines, level), { clock: new VirtualClock() })(sayHello);
      for (let call = 0; call < 100; call++) observer.callEnded?.(serverCall());
    }
    assert.equal(quiet.length, 0);
    assert.equal(chatty.length, 100);
    assert.equal(parsed(chatty)[0]?.["msg"], "served call ended");
    assert.equal(parsed(chatty)[0]?.["peer"], "127.0.0.1:2");
  });

  it("says by its level whose failure it was", () => {
    const lines: string[] = [];
    const observer = serverLogObserver(logTo(lines, "debug"), { clock: new VirtualClock() })(sayHello);
    for (const [code, level] of [
      ["NOT_FOUND", "info"],
      ["CANCELLED", "debug"],
      ["DEADLINE_EXCEEDED", "warn"],
      ["UNAVAILABLE", "warn"],
      ["INTERNAL", "warn"],
    ] as const) {
      observer.callEnded?.(serverCall({ code, reason: "r" }));
      assert.equal(levelOf(lines), level, code);
    }
  });

  it("has the stack of what a handler threw", () => {
    const lines: string[] = [];
    const observer = serverLogObserver(logTo(lines), { clock: new VirtualClock() })(sayHello);
    observer.callEnded?.(serverCall({ code: "INTERNAL", reason: "handler failed", thrown: new TypeError("boom") }));
    const [line] = parsed(lines);
    const err = line?.["err"] as { type: string; message: string; stack: string };
    assert.equal(line?.["level"], "error");
    assert.deepEqual([err.type, err.message], ["TypeError", "boom"]);
    assert.match(err.stack, /logging\.spec\.ts/);
    observer.callEnded?.(serverCall({ code: "INTERNAL", reason: "handler failed", thrown: "just words" }));
    assert.equal(parsed(lines)[1]?.["err"], "just words");
  });

  it("is not flooded by a storm of failures, and tells how many lines it left out", () => {
    const lines: string[] = [];
    const clock = new VirtualClock();
    const observer = serverLogObserver(logTo(lines), { clock, linesPerWindow: 3, windowMs: 5000 })(sayHello);
    for (let call = 0; call < 1000; call++) observer.callEnded?.(serverCall({ code: "UNAVAILABLE", reason: "full" }));
    observer.callEnded?.(serverCall({ code: "NOT_FOUND", reason: "another matter" }));
    assert.equal(lines.length, 4);
    clock.advance(5000);
    const last = parsed(lines).at(-1);
    assert.equal(lines.length, 5);
    assert.equal(last?.["suppressed"], 997);
    assert.equal(last?.["method"], LABEL);
    assert.equal(last?.["msg"], "997 more calls ended with UNAVAILABLE within 5000 ms: their lines were left out");
  });
});
