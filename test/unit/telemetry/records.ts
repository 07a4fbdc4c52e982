/** Records of calls for the tests of what observes them. */
import type { MethodInfo } from "../../../sdk/src/call/method-info.ts";
import type { AttemptRecord, ClientCallRecord, ServerCallRecord } from "../../../sdk/src/call/observer.ts";
import type { TraceContext } from "../../../sdk/src/call/trace-context.ts";

export const trace: TraceContext = { traceId: "a".repeat(32), spanId: "b".repeat(16), flags: 0, state: undefined };

export function methodNamed(name: string): MethodInfo {
  return { service: "greeter.v1.GreeterService", name, path: `/greeter.v1.GreeterService/${name}`, kind: "unary" };
}

export function attempt(change: Partial<AttemptRecord> = {}): AttemptRecord {
  return { code: "OK", endpoint: "127.0.0.1:1", durationMs: 3, sentBytes: 100, receivedBytes: 2000, ...change };
}

export function clientCall(change: Partial<ClientCallRecord> = {}): ClientCallRecord {
  return {
    code: "OK",
    reason: "",
    durationMs: 4,
    attempts: 1,
    retries: 0,
    transparentRetries: 0,
    hedges: 0,
    retryDelayMs: 0,
    endpoint: "127.0.0.1:1",
    trace,
    ...change,
  };
}

export function serverCall(change: Partial<ServerCallRecord> = {}): ServerCallRecord {
  return {
    code: "OK",
    reason: "",
    durationMs: 5,
    sentBytes: 2000,
    receivedBytes: 100,
    peer: "127.0.0.1:2",
    context: { trace: trace },
    thrown: undefined,
    ...change,
  };
}
