/**
 * Services written for grpc-js as the mesh serves them: its definition becomes ours, its handlers with callbacks and
 * streams become handlers, so everything around a handler holds for them too.
 */
import type {
  Metadata as GrpcMetadata,
  MethodDefinition as GrpcMethod,
  ServiceDefinition as GrpcService,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { type CallContext, runInContext } from "../call/call-context.ts";
import type { Clock } from "../call/clock.ts";
import { MeshError } from "../call/mesh-error.ts";
import type { CallKind } from "../call/method-info.ts";
import type { MethodDefinition, ServiceDefinition } from "../contract/definition.ts";
import type { MessageCodec } from "../contract/message-codec.ts";
import { meshName, methodKey } from "../contract/names.ts";
import { asBuffer } from "../transport/grpc-js/grpc-js-metadata.ts";
import { reportedError, thrownError } from "./grpc-js-status.ts";
import { GrpcJsStream } from "./grpc-js-stream.ts";
import { GrpcJsSurface } from "./grpc-js-surface.ts";
import { GrpcJsUnaryCall } from "./grpc-js-unary-call.ts";
import type { Handler } from "./served-method.ts";

export interface AddServiceOptions {
  /** The name it is registered and found under. Default: made of the service's own, "UserAccountService" is "user-account". */
  readonly name?: string;
}

export interface AdaptedService {
  readonly definition: ServiceDefinition;
  readonly handlers: Readonly<Record<string, Handler>>;
}

/** Takes a result: sendUnaryData of grpc-js. Its flags say how to compress, which contexts do here. */
type Callback = (error: unknown, value?: unknown, trailers?: GrpcMetadata | null, flags?: number) => void;
/** A handler of any kind, bound to its implementation. */
type Implementation = (call: GrpcJsUnaryCall | GrpcJsStream, callback?: Callback) => unknown;

/** Throws INVALID_ARGUMENT for what is no service, an implementation that is none, and a name that is none. */
export function adaptService(
  service: GrpcService,
  implementation: UntypedServiceImplementation,
  clock: Clock,
  options: AddServiceOptions = {},
): AdaptedService {
  const entries = Object.entries(objectOf(service, "a service definition") as GrpcService);
  const functions = objectOf(implementation, "an implementation, an object with a function for each method,");
  const first = entries[0];
  if (first === undefined) throw new MeshError("INVALID_ARGUMENT", "addService() was given a service without methods");
  const typeName = pathParts(first[1].path).service;
  const methods: Record<string, MethodDefinition> = Object.create(null);
  const handlers: Record<string, Handler> = Object.create(null);
  for (const [name, method] of entries) {
    const definition = methodDefinition(method);
    const camel = methodKey(definition.name);
    // grpc-js tells methods apart by their paths alone.
    const key = methods[camel] === undefined ? camel : definition.path;
    methods[key] = definition;
    const found = implementationOf(functions, [name, method.originalName, camel, definition.name], definition);
    handlers[key] = found === undefined ? unimplemented(definition) : handlerOf(definition.kind, found, clock);
  }
  return { definition: { typeName, meshName: registeredName(typeName, options.name), methods }, handlers };
}

function objectOf(value: unknown, what: string): object {
  if (typeof value === "object" && value !== null) return value;
  throw new MeshError(
    "INVALID_ARGUMENT",
    `addService() was given ${typeof value}: give it ${what} as grpc-js takes it`,
  );
}

function registeredName(typeName: string, option: string | undefined): string {
  const { value, problems } = meshName(typeName, option);
  if (problems.length === 0) return value;
  throw new MeshError(
    "INVALID_ARGUMENT",
    `service ${typeName} cannot be registered as ${JSON.stringify(value)}, which is not a DNS label (a-z, 0-9 and, inside, hyphens): give addService() another { name }`,
  );
}

function pathParts(path: unknown): { readonly service: string; readonly name: string } {
  const parts = typeof path === "string" ? /^\/([^/]+)\/([^/]+)$/.exec(path) : null;
  if (parts?.[1] !== undefined && parts[2] !== undefined) return { service: parts[1], name: parts[2] };
  throw new MeshError(
    "INVALID_ARGUMENT",
    `addService() was given a method with path ${JSON.stringify(path)}: it must be "/package.Service/Method"`,
  );
}

function methodDefinition(method: GrpcMethod<unknown, unknown>): MethodDefinition {
  return {
    ...pathParts(method.path),
    path: method.path,
    kind: kindOf(method),
    input: codecOf(method.requestSerialize, method.requestDeserialize),
    output: codecOf(method.responseSerialize, method.responseDeserialize),
    policy: { idempotency: "IDEMPOTENCY_UNKNOWN" },
  };
}

function kindOf({ requestStream, responseStream }: GrpcMethod<unknown, unknown>): CallKind {
  if (requestStream) return responseStream ? "bidiStreaming" : "clientStreaming";
  return responseStream ? "serverStreaming" : "unary";
}

function codecOf(
  serialize: (message: unknown) => Buffer,
  deserialize: (bytes: Buffer) => unknown,
): MessageCodec<unknown> {
  return {
    encode: (message) => {
      const bytes = serialize(message);
      return { finish: () => bytes };
    },
    decode: (bytes) => deserialize(asBuffer(bytes)),
    fromPartial: (message) => message,
  };
}

/** grpc-js knows methods by two names, generated code and people by two more. */
function implementationOf(
  functions: object,
  names: readonly (string | undefined)[],
  method: MethodDefinition,
): Implementation | undefined {
  for (const name of names) {
    const found: unknown = name === undefined ? undefined : Reflect.get(functions, name);
    if (found === undefined || found === Reflect.get(Object.prototype, name as string)) continue;
    if (typeof found === "function") return found.bind(functions) as Implementation;
    throw new MeshError("INVALID_ARGUMENT", `implementation of ${method.path} is ${typeof found}: give a function`);
  }
  return undefined;
}

function unimplemented({ path }: MethodDefinition): Handler {
  return () => {
    throw new MeshError("UNIMPLEMENTED", `method ${path} is not implemented by this server`);
  };
}

function handlerOf(kind: CallKind, implementation: Implementation, clock: Clock): Handler {
  switch (kind) {
    case "unary":
      return (request: unknown, context: CallContext) => {
        const surface = new GrpcJsSurface(context, clock);
        return answer(implementation, new GrpcJsUnaryCall(surface, request), surface, context);
      };
    case "clientStreaming":
      return (requests: AsyncIterable<unknown>, context: CallContext) => {
        const surface = new GrpcJsSurface(context, clock);
        const stream = new GrpcJsStream(surface, { requests, request: undefined, responsesStream: false });
        return answer(implementation, stream, surface, context);
      };
    case "serverStreaming":
      return (request: unknown, context: CallContext) => {
        const options = { requests: undefined, request, responsesStream: true };
        return streamed(implementation, new GrpcJsStream(new GrpcJsSurface(context, clock), options), context);
      };
    case "bidiStreaming":
      return (requests: AsyncIterable<unknown>, context: CallContext) => {
        const options = { requests, request: undefined, responsesStream: true };
        return streamed(implementation, new GrpcJsStream(new GrpcJsSurface(context, clock), options), context);
      };
  }
}

/** The response that the callback is given; what it is given later is ignored, as in grpc-js. */
function answer(
  implementation: Implementation,
  call: GrpcJsUnaryCall | GrpcJsStream,
  surface: GrpcJsSurface,
  context: CallContext,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const stop = tellCancelled(call, context);
    const callback: Callback = (error, value, trailers) => {
      stop();
      if (error) return reject(reportedError(error, trailers));
      surface.addTrailers(trailers);
      resolve(value);
    };
    run(implementation, call, callback, (error) => {
      stop();
      reject(error);
    });
  });
}

/** The responses that the stream is given. */
function streamed(implementation: Implementation, stream: GrpcJsStream, context: CallContext): AsyncIterable<unknown> {
  const stop = tellCancelled(stream, context);
  stream.once("close", stop);
  run(implementation, stream, undefined, (error) => stream.responses.fail(error));
  return stream.responses;
}

/** A handler that throws, at once or by its promise, has failed; grpc-js would leave its caller waiting. */
function run(
  implementation: Implementation,
  call: GrpcJsUnaryCall | GrpcJsStream,
  callback: Callback | undefined,
  failed: (error: Error) => void,
): void {
  try {
    const result = implementation(call, callback);
    if (result instanceof Promise) result.catch((error: unknown) => failed(thrownError(error)));
  } catch (error) {
    failed(thrownError(error));
  }
}

/** The returned function ends it: a call that has ended well is not cancelled. */
function tellCancelled(call: GrpcJsUnaryCall | GrpcJsStream, context: CallContext): () => void {
  return context.cancellation.onCancel(() => {
    runInContext(context, () => call.emit("cancelled", "cancelled"));
    if (call instanceof GrpcJsStream) call.destroy();
  });
}
