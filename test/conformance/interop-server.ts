/**
 * The server of gRPC's interop cases on the SDK: TestService as its section of
 * https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md asks for it. UnimplementedCall and
 * UnimplementedService are left out, since calls to them must find nothing.
 */
import { setTimeout as delay } from "node:timers/promises";
import {
  type CallContext,
  createMesh,
  type ErrorCode,
  MeshError,
  type ServiceDefinition,
  STATUS_NUMBERS,
} from "@meshwork/sdk";
import { ALONE } from "../support/greeter-mesh.ts";
import { recordedLog } from "../support/logs.ts";
import {
  type BoolValue,
  type EchoStatus,
  type Payload,
  PayloadType,
  type ResponseParameters,
  type StreamingOutputCallRequest,
} from "./gen/grpc/testing/messages.ts";
import { TestService, type TestServiceClient, type TestServiceHandlers } from "./gen/grpc/testing/test.mesh.ts";
import { RequestSizes } from "./request-sizes.ts";
import type { OwnSide } from "./sides.ts";

type InteropHandlers = Omit<TestServiceHandlers, "unimplementedCall">;

const ECHO_INITIAL = "x-grpc-test-echo-initial";
const ECHO_TRAILING = "x-grpc-test-echo-trailing-bin";
/** How long a proxy may keep what CacheableUnaryCall answers, as the document sets it. */
const CACHE_CONTROL = "max-age=60, public";

const served = Object.entries(TestService.methods).filter(([name]) => name !== "unimplementedCall");
const InteropService: ServiceDefinition<TestServiceClient, InteropHandlers> = {
  ...TestService,
  methods: Object.fromEntries(served),
};

export interface RunningServer {
  /** "host:port" */
  readonly address: string;
  close(): Promise<void>;
}

export async function startInteropServer(transport: OwnSide): Promise<RunningServer> {
  const mesh = createMesh({ ...ALONE, log: recordedLog().log, transport });
  const { address } = await mesh.server().add(InteropService, interopHandlers).start();
  return { address: `${address.host}:${address.port}`, close: () => mesh.close() };
}

const interopHandlers: InteropHandlers = {
  emptyCall: () => ({}),

  unaryCall(request, context) {
    echoMetadata(context);
    echoStatus(request.responseStatus);
    const sizes = new RequestSizes();
    sizes.add(request);
    sizes.check(context.receivedBytes);
    compress(request.responseCompressed, context);
    return { payload: payload(request.responseType, request.responseSize) };
  },

  cacheableUnaryCall(_, context) {
    context.responseHeaders.set("cache-control", CACHE_CONTROL);
    return { payload: { body: Buffer.from(process.hrtime.bigint().toString()) } };
  },

  async *streamingOutputCall(request, context) {
    for (const parameters of request.responseParameters) yield response(request.responseType, parameters, context);
  },

  async streamingInputCall(requests, context) {
    const sizes = new RequestSizes();
    for await (const request of requests) sizes.add(request);
    sizes.check(context.receivedBytes);
    return { aggregatedPayloadSize: sizes.payloadBytes };
  },

  async *fullDuplexCall(requests, context) {
    echoMetadata(context);
    for await (const request of requests) {
      echoStatus(request.responseStatus);
      for (const parameters of request.responseParameters) yield response(request.responseType, parameters, context);
    }
  },

  async *halfDuplexCall(requests, context) {
    const all: StreamingOutputCallRequest[] = [];
    for await (const request of requests) all.push(request);
    for (const { responseType, responseParameters } of all) {
      for (const parameters of responseParameters) yield response(responseType, parameters, context);
    }
  },
};

async function response(type: PayloadType, { size, intervalUs, compressed }: ResponseParameters, context: CallContext) {
  // Rejects when the call is over, and then nobody waits for the response.
  if (intervalUs > 0) await delay(intervalUs / 1_000, undefined, { signal: context.signal });
  compress(compressed, context);
  return { payload: payload(type, size) };
}

function payload(type: PayloadType, size: number): Payload {
  if (type !== PayloadType.COMPRESSABLE) {
    throw new MeshError("INVALID_ARGUMENT", `response_type is ${String(type)}: COMPRESSABLE is the only one served`);
  }
  if (size < 0) throw new MeshError("INVALID_ARGUMENT", `response size is ${size}: give 0 or more bytes`);
  return { type, body: Buffer.alloc(size) };
}

function compress(wanted: BoolValue | undefined, context: CallContext): void {
  context.compression = wanted?.value === true ? "gzip" : "identity";
}

function echoMetadata({ metadata, responseHeaders, responseTrailers }: CallContext): void {
  for (const value of metadata.getAll(ECHO_INITIAL)) responseHeaders.append(ECHO_INITIAL, value);
  for (const value of metadata.getAll(ECHO_TRAILING)) responseTrailers.append(ECHO_TRAILING, value);
}

function echoStatus(status: EchoStatus | undefined): void {
  if (status === undefined || status.code === 0) return;
  throw new MeshError(errorCode(status.code), status.message);
}

function errorCode(status: number): ErrorCode {
  for (const [name, number] of Object.entries(STATUS_NUMBERS)) {
    if (number === status && name !== "OK") return name as ErrorCode;
  }
  throw new MeshError("INVALID_ARGUMENT", `response_status has code ${status}: gRPC knows 0 to 16`);
}
