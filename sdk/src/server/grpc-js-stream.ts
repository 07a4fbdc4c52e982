/**
 * A streaming call as a handler of grpc-js is given it: readable where requests stream, writable where responses do. It
 * pulls requests as it is read and takes responses as they are sent on, so both sides hold each other back.
 */
import { Duplex } from "node:stream";
import type { Metadata as GrpcMetadata, ServerDuplexStream } from "@grpc/grpc-js";
import { MeshError } from "../call/mesh-error.ts";
import { MessageQueue } from "../transport/message-queue.ts";
import { reportedError, thrownError } from "./grpc-js-status.ts";
import type { GrpcAuthContext, GrpcJsSurface, GrpcMetricsRecorder } from "./grpc-js-surface.ts";

export interface GrpcJsStreamOptions {
  /** undefined where requests do not stream: then request is the only one. */
  readonly requests: AsyncIterable<unknown> | undefined;
  readonly request: unknown;
  readonly responsesStream: boolean;
}

type Done = (error?: Error | null) => void;

export class GrpcJsStream extends Duplex implements ServerDuplexStream<unknown, unknown> {
  readonly request: unknown;
  /** What the handler has written; ends when it ends, fails as it fails. */
  readonly responses: MessageQueue;
  readonly #surface: GrpcJsSurface;
  readonly #requests: AsyncIterator<unknown> | undefined;
  /** Of the response that has not been taken. */
  #taken: Done | undefined;
  #failure: MeshError | undefined;

  constructor(surface: GrpcJsSurface, { requests, request, responsesStream }: GrpcJsStreamOptions) {
    const sides = { readable: requests !== undefined, writable: responsesStream };
    super({ objectMode: true, ...sides });
    this.#surface = surface;
    this.#requests = requests?.[Symbol.asyncIterator]();
    this.request = request;
    this.responses = new MessageQueue({ wanted: () => this.#take(), abandoned: () => this.destroy() });
    this.on("error", (error) => {
      this.#failure ??= reportedError(error);
      // What was written before is sent before.
      if (!this.destroyed) this.end();
    });
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

  /** Ends the responses, with these trailers. */
  override end(trailers?: unknown): this {
    this.#surface.addTrailers(trailers as GrpcMetadata | undefined);
    return super.end();
  }

  /** A loop over all requests must leave the responses open: Node's own ends both sides. */
  override [Symbol.asyncIterator](): NodeJS.AsyncIterator<unknown> {
    return this.iterator({ destroyOnReturn: false }) as NodeJS.AsyncIterator<unknown>;
  }

  override _read(): void {
    this.#requests?.next().then(
      ({ done, value }) => void this.push(done === true ? null : value),
      // Requests fail only when the call is over, which the handler hears as "cancelled".
      () => this.destroy(),
    );
  }

  override _write(response: unknown, _encoding: BufferEncoding, taken: Done): void {
    this.#taken = taken;
    this.responses.push(response);
  }

  override _final(done: Done): void {
    if (this.#failure === undefined) this.responses.end();
    else this.responses.fail(this.#failure);
    done();
  }

  /** Whoever destroys the stream before its end leaves a caller that must hear of it; a second end changes nothing. */
  override _destroy(error: Error | null, done: Done): void {
    const left = new MeshError("INTERNAL", "handler destroyed its stream before the end");
    this.responses.fail(this.#failure ?? (error === null ? left : thrownError(error)));
    this.#take();
    done(error);
  }

  #take(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }
}
