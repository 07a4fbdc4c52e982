/** A unary call as a handler of grpc-js is given it. */
import { EventEmitter } from "node:events";
import type { Metadata as GrpcMetadata, ServerUnaryCall } from "@grpc/grpc-js";
import type { GrpcAuthContext, GrpcJsSurface, GrpcMetricsRecorder } from "./grpc-js-surface.ts";

export class GrpcJsUnaryCall extends EventEmitter implements ServerUnaryCall<unknown, unknown> {
  readonly request: unknown;
  readonly #surface: GrpcJsSurface;

  constructor(surface: GrpcJsSurface, request: unknown) {
    super();
    this.#surface = surface;
    this.request = request;
  }

  get metadata(): GrpcMetadata {
    return this.#surface.metadata;
  }

  get cancelled(): boolean {
    return this.#surface.cancelled;
  }

  getPeer(): string {
    return this.#surface.peer;
  }

  getPath(): string {
    return this.#surface.path;
  }

  getHost(): string {
    return this.#surface.host;
  }

  getDeadline(): number {
    return this.#surface.deadline;
  }

  getAuthContext(): GrpcAuthContext {
    return this.#surface.authContext;
  }

  getMetricsRecorder(): GrpcMetricsRecorder {
    return this.#surface.recorder;
  }

  sendMetadata(metadata: GrpcMetadata): void {
    this.#surface.sendMetadata(metadata);
  }
}
