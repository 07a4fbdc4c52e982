/** What every call object of grpc-js tells its handler, read from the context of the call. */
import type { Metadata as GrpcMetadata, ServerUnaryCall } from "@grpc/grpc-js";
import type { CallContext } from "../call/call-context.ts";
import type { Clock } from "../call/clock.ts";
import { sendableFromGrpc, toGrpc } from "../transport/grpc-js/grpc-js-metadata.ts";

type SurfaceCall = ServerUnaryCall<unknown, unknown>;
export type GrpcAuthContext = ReturnType<SurfaceCall["getAuthContext"]>;
export type GrpcMetricsRecorder = ReturnType<SurfaceCall["getMetricsRecorder"]>;

/** The context as our server makes it; interceptors may have put another in its place, whose headers go when they go. */
type FlushingContext = CallContext & { sendHeaders?(): void };

/** Records nothing: the load of a server is measured without its handlers. */
const NO_RECORDER = new Proxy({}, { get: () => () => undefined }) as GrpcMetricsRecorder;

export class GrpcJsSurface {
  readonly #context: FlushingContext;
  readonly #clock: Clock;
  #metadata: GrpcMetadata | undefined;

  constructor(context: CallContext, clock: Clock) {
    this.#context = context;
    this.#clock = clock;
  }

  get metadata(): GrpcMetadata {
    this.#metadata ??= toGrpc(this.#context.metadata);
    return this.#metadata;
  }

  get cancelled(): boolean {
    return this.#context.cancellation.cancelled;
  }

  get peer(): string {
    return this.#context.peer;
  }

  get path(): string {
    return this.#context.method.path;
  }

  /** The name that the caller called the server by; "" where the transport keeps it to itself. */
  get host(): string {
    return this.#context.metadata.get("host") ?? "";
  }

  /** Milliseconds since 1970; Infinity without one. */
  get deadline(): number {
    return this.#clock.wallTime() + (this.#context.deadline - this.#clock.now());
  }

  get authContext(): GrpcAuthContext {
    return {};
  }

  get recorder(): GrpcMetricsRecorder {
    return NO_RECORDER;
  }

  sendMetadata(metadata: GrpcMetadata): void {
    if (this.cancelled) return;
    this.#context.responseHeaders.addAll(sendableFromGrpc(metadata));
    this.#context.sendHeaders?.();
  }

  addTrailers(metadata: GrpcMetadata | null | undefined): void {
    if (metadata) this.#context.responseTrailers.addAll(sendableFromGrpc(metadata));
  }
}
