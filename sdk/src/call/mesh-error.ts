/**
 * The one error of the mesh: what happened (code and reason), where (method, endpoint, attempts, time) and, in the
 * reason, what to do next.
 */
import type { DetailType, ErrorDetail } from "./error-details.ts";
import type { Metadata } from "./metadata.ts";
import { type ErrorCode, STATUS_NUMBERS } from "./status.ts";

/** Where and how a call failed; absent on errors that no call caused. */
export interface FailedCall {
  /** "greeter.v1.GreeterService/SayHello" */
  readonly method: string;
  /** The last endpoint tried, "host:port"; absent when none was. */
  readonly endpoint?: string | undefined;
  /** Attempts that were sent; 0 when the call never left. */
  readonly attempts: number;
  /** Milliseconds from the call to its failure. */
  readonly elapsedMs: number;
}

export interface MeshErrorOptions {
  readonly cause?: unknown;
  readonly details?: readonly ErrorDetail[];
  /** Trailers of the failed call, or, thrown from a handler, trailers to send. */
  readonly metadata?: Metadata | undefined;
  readonly call?: FailedCall;
}

/** Marks errors of every copy of this package, so instanceof holds across copies. */
const BRAND = Symbol.for("meshwork.MeshError");

export class MeshError extends Error {
  /** Status name: the contract of an error, never changes its meaning. */
  readonly code: ErrorCode;
  /** What went wrong, without the place: the text that crosses the wire. */
  readonly reason: string;
  readonly details: readonly ErrorDetail[];
  readonly metadata: Metadata | undefined;
  readonly call: FailedCall | undefined;
  readonly [BRAND] = true;

  /**
   * @param reason lower case, subject first, with the values that matter and the way out.
   */
  constructor(code: ErrorCode, reason: string, options: MeshErrorOptions = {}) {
    super(describe(code, reason, options.call), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = reason;
    this.details = options.details ?? [];
    this.metadata = options.metadata;
    this.call = options.call;
  }

  override get name(): string {
    return "MeshError";
  }

  /** The code as gRPC's number. */
  get status(): number {
    return STATUS_NUMBERS[this.code];
  }

  /** The last endpoint tried, "host:port". */
  get endpoint(): string | undefined {
    return this.call?.endpoint;
  }

  /** Attempts that were sent; 0 when the call never left or no call was made. */
  get attempts(): number {
    return this.call?.attempts ?? 0;
  }

  /** Milliseconds from the call to its failure; 0 when no call was made. */
  get elapsedMs(): number {
    return this.call?.elapsedMs ?? 0;
  }

  /** The first detail of a type, or undefined: `error.findDetail(BadRequest)?.fieldViolations`. */
  findDetail<T>(type: DetailType<T>): T | undefined {
    const detail = this.details.find((one) => one.typeName === type.$type);
    return detail && type.decode(detail.value);
  }

  static override [Symbol.hasInstance](this: unknown, value: unknown): boolean {
    // A class that extends this one knows its own by their prototype.
    if (this !== MeshError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === "object" && value !== null && BRAND in value;
  }
}

function describe(code: ErrorCode, reason: string, call: FailedCall | undefined): string {
  if (call === undefined) return `${code}: ${reason}`;
  const endpoint = call.endpoint === undefined ? "" : ` at ${call.endpoint}`;
  const attempts = `${call.attempts} ${call.attempts === 1 ? "attempt" : "attempts"}`;
  return `${call.method} failed${endpoint} with ${code}: ${reason} (${attempts}, ${Math.round(call.elapsedMs)} ms)`;
}
