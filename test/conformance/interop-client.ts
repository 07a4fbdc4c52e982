/**
 * The client of gRPC's interop cases on the SDK: each function runs one case and asserts all that
 * https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md asks of it.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createMesh, type DeepPartial, type ErrorCode, type Mesh, type MeshError, Metadata } from "@meshwork/sdk";
import { ALONE } from "../support/greeter-mesh.ts";
import { Inbox } from "../support/inbox.ts";
import { recordedLog } from "../support/logs.ts";
import { collect, failure } from "../support/mesh-error.ts";
import {
  type Payload,
  PayloadType,
  type SimpleRequest,
  type StreamingInputCallRequest,
  type StreamingOutputCallRequest,
} from "./gen/grpc/testing/messages.ts";
import {
  TestService,
  type TestServiceClient,
  UnimplementedService,
  type UnimplementedServiceClient,
} from "./gen/grpc/testing/test.mesh.ts";
import { receivedBytes } from "./received-bytes.ts";
import type { OwnSide } from "./sides.ts";

export interface InteropClient {
  readonly mesh: Mesh;
  readonly test: TestServiceClient;
  readonly unimplemented: UnimplementedServiceClient;
}

/** @param address "host:port" of the server */
export function makeInteropClient(address: string, transport: OwnSide): InteropClient {
  const mesh = createMesh({ ...ALONE, log: recordedLog().log, transport });
  const target = `static:///${address}`;
  return {
    mesh,
    test: mesh.client(TestService, { target }),
    unimplemented: mesh.client(UnimplementedService, { target }),
  };
}

const LARGE_REQUEST_BYTES = 271_828;
const LARGE_RESPONSE_BYTES = 314_159;
const REQUEST_BYTES = [27_182, 8, 1_828, 45_904] as const;
const RESPONSE_BYTES = [31_415, 9, 2_653, 58_979] as const;
/** What gzip leaves of a payload of zeros is less than this part of it, however it is done. */
const COMPRESSED_PART = 1 / 50;

const LARGE: DeepPartial<SimpleRequest> = { responseSize: LARGE_RESPONSE_BYTES, payload: zeros(LARGE_REQUEST_BYTES) };

export async function emptyUnary({ test }: InteropClient): Promise<void> {
  assert.deepEqual(await test.emptyCall({}), {});
}

export async function largeUnary({ test }: InteropClient): Promise<void> {
  assertZeros((await test.unaryCall(LARGE)).payload, LARGE_RESPONSE_BYTES);
}

export async function clientCompressedUnary({ test }: InteropClient): Promise<void> {
  const compressed = { ...LARGE, expectCompressed: { value: true } };
  const plain = { ...LARGE, expectCompressed: { value: false } };
  await assertFails(test.unaryCall(compressed, { compression: "identity" }), "INVALID_ARGUMENT");
  assertZeros((await test.unaryCall(compressed, { compression: "gzip" })).payload, LARGE_RESPONSE_BYTES);
  assertZeros((await test.unaryCall(plain, { compression: "identity" })).payload, LARGE_RESPONSE_BYTES);
}

export async function serverCompressedUnary({ mesh, test }: InteropClient): Promise<void> {
  const call = async (value: boolean): Promise<number> => {
    const before = await receivedBytes(mesh, "grpc.testing.TestService/UnaryCall");
    assertZeros((await test.unaryCall({ ...LARGE, responseCompressed: { value } })).payload, LARGE_RESPONSE_BYTES);
    return (await receivedBytes(mesh, "grpc.testing.TestService/UnaryCall")) - before;
  };
  assertCompressed(await call(true), 0, LARGE_RESPONSE_BYTES);
  assertCompressed(await call(false), LARGE_RESPONSE_BYTES, 0);
}

export async function clientStreaming({ test }: InteropClient): Promise<void> {
  const requests = REQUEST_BYTES.map((size) => ({ payload: zeros(size) }));
  assert.deepEqual(await test.streamingInputCall(requests), { aggregatedPayloadSize: 74_922 });
}

export async function clientCompressedStreaming({ test }: InteropClient): Promise<void> {
  const first = { expectCompressed: { value: true }, payload: zeros(27_182) };
  const second = { expectCompressed: { value: false }, payload: zeros(45_904) };
  await assertFails(test.streamingInputCall([first], { compression: "identity" }), "INVALID_ARGUMENT");
  const compression = (request: DeepPartial<StreamingInputCallRequest>) => (request === first ? "gzip" : "identity");
  assert.deepEqual(await test.streamingInputCall([first, second], { compression }), { aggregatedPayloadSize: 73_086 });
}

export async function serverStreaming({ test }: InteropClient): Promise<void> {
  const responseParameters = RESPONSE_BYTES.map((size) => ({ size }));
  const responses = await collect(test.streamingOutputCall({ responseParameters }));
  assert.equal(responses.length, RESPONSE_BYTES.length);
  for (const [index, size] of RESPONSE_BYTES.entries()) assertZeros(responses[index]?.payload, size);
}

export async function serverCompressedStreaming({ mesh, test }: InteropClient): Promise<void> {
  const [compressed, plain] = [31_415, 92_653];
  const responseParameters = [
    { size: compressed, compressed: { value: true } },
    { size: plain, compressed: { value: false } },
  ];
  const before = await receivedBytes(mesh, "grpc.testing.TestService/StreamingOutputCall");
  const responses = await collect(test.streamingOutputCall({ responseParameters }));
  assert.equal(responses.length, 2);
  assertZeros(responses[0]?.payload, compressed);
  assertZeros(responses[1]?.payload, plain);
  const taken = (await receivedBytes(mesh, "grpc.testing.TestService/StreamingOutputCall")) - before;
  assertCompressed(taken, plain, compressed);
}

export async function pingPong({ test }: InteropClient): Promise<void> {
  const pings = new Inbox<DeepPartial<StreamingOutputCallRequest> | "end">();
  async function* requests() {
    for (let ping = await pings.next(); ping !== "end"; ping = await pings.next()) yield ping;
  }
  const responses = test.fullDuplexCall(requests())[Symbol.asyncIterator]();
  for (const [index, size] of RESPONSE_BYTES.entries()) {
    pings.put({ responseParameters: [{ size }], payload: zeros(REQUEST_BYTES[index] ?? 0) });
    const { value, done } = await responses.next();
    assert.notEqual(done, true, `the stream ended after ${index} responses`);
    assertZeros(value.payload, size);
  }
  pings.put("end");
  assert.deepEqual(await responses.next(), { done: true, value: undefined });
}

export async function emptyStream({ test }: InteropClient): Promise<void> {
  assert.deepEqual(await collect(test.fullDuplexCall([])), []);
}

export async function customMetadata({ test }: InteropClient): Promise<void> {
  const [initial, trailing] = ["x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"];
  const [text, bytes] = ["test_initial_metadata_value", Buffer.from([0xab, 0xab, 0xab])];
  const metadata = { [initial]: text, [trailing]: bytes };
  const calls = [
    (options: object) => test.unaryCall(LARGE, { metadata, ...options }).then(({ payload }) => [payload]),
    async (options: object) => {
      const request = { responseParameters: [{ size: LARGE_RESPONSE_BYTES }], payload: zeros(LARGE_REQUEST_BYTES) };
      const responses = await collect(test.fullDuplexCall([request], { metadata, ...options }));
      return responses.map(({ payload }) => payload);
    },
  ];
  for (const call of calls) {
    let headers = new Metadata();
    let trailers = new Metadata();
    const payloads = await call({
      onHeaders: (received: Metadata) => (headers = received),
      onTrailers: (received: Metadata) => (trailers = received),
    });
    assert.equal(payloads.length, 1);
    assertZeros(payloads[0], LARGE_RESPONSE_BYTES);
    assert.deepEqual(headers.getAll(initial), [text]);
    assert.deepEqual(trailers.getAll(trailing).map(hex), [hex(bytes)]);
  }
}

export async function statusCodeAndMessage({ test }: InteropClient): Promise<void> {
  const responseStatus = { code: 2, message: "test status message" };
  const calls = [() => test.unaryCall({ responseStatus }), () => collect(test.fullDuplexCall([{ responseStatus }]))];
  for (const call of calls) assert.equal((await assertFails(call(), "UNKNOWN")).reason, responseStatus.message);
}

export async function specialStatusMessage({ test }: InteropClient): Promise<void> {
  const message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
  const error = await assertFails(test.unaryCall({ responseStatus: { code: 2, message } }), "UNKNOWN");
  assert.equal(error.reason, message);
}

export async function unimplementedMethod({ test }: InteropClient): Promise<void> {
  await assertFails(test.unimplementedCall({}), "UNIMPLEMENTED");
}

export async function unimplementedService({ unimplemented }: InteropClient): Promise<void> {
  await assertFails(unimplemented.unimplementedCall({}), "UNIMPLEMENTED");
}

export async function cancelAfterBegin({ test }: InteropClient): Promise<void> {
  const cancelling = new AbortController();
  // A call asks for its first request once its headers are out.
  // oxlint-disable-next-line require-yield -- it ends without a request
  async function* noRequests(): AsyncGenerator<DeepPartial<StreamingInputCallRequest>> {
    cancelling.abort();
  }
  await assertFails(test.streamingInputCall(noRequests(), { signal: cancelling.signal }), "CANCELLED");
  assert.ok(cancelling.signal.aborted);
}

export async function cancelAfterFirstResponse({ test }: InteropClient): Promise<void> {
  const cancelling = new AbortController();
  const { signal } = cancelling;
  async function* oneRequest(): AsyncGenerator<DeepPartial<StreamingOutputCallRequest>> {
    yield { responseParameters: [{ size: 31_415 }], payload: zeros(27_182) };
    if (!signal.aborted) await once(signal, "abort");
  }
  const responses = test.fullDuplexCall(oneRequest(), { signal })[Symbol.asyncIterator]();
  const { value, done } = await responses.next();
  assert.notEqual(done, true, "the stream ended before its first response");
  assertZeros(value.payload, 31_415);
  cancelling.abort();
  await assertFails(responses.next(), "CANCELLED");
}

export async function timeoutOnSleepingServer({ test }: InteropClient): Promise<void> {
  const ended = new AbortController();
  async function* oneRequest(): AsyncGenerator<DeepPartial<StreamingOutputCallRequest>> {
    yield { payload: zeros(27_182) };
    // A half-close would let the server answer in time.
    await once(ended.signal, "abort");
  }
  const call = collect(test.fullDuplexCall(oneRequest(), { timeoutMs: 1 }));
  await assertFails(call, "DEADLINE_EXCEEDED");
  ended.abort();
}

function zeros(size: number): Payload {
  return { type: PayloadType.COMPRESSABLE, body: Buffer.alloc(size) };
}

function assertZeros(payload: Payload | undefined, size: number): void {
  assert.equal(payload?.type, PayloadType.COMPRESSABLE);
  assert.equal(payload.body.length, size);
  assert.ok(Buffer.alloc(size).equals(payload.body), "payload has other bytes than zeros");
}

/** By size: which bit a message had is the transport's to know. */
function assertCompressed(taken: number, plain: number, compressed: number): void {
  const most = plain + (plain + compressed) * COMPRESSED_PART;
  assert.ok(
    taken >= plain && taken <= most,
    `responses took ${taken} bytes: with ${plain} bytes plain and ${compressed} compressed they take at most ${most}`,
  );
}

async function assertFails(call: Promise<unknown>, code: ErrorCode): Promise<MeshError> {
  const error = await failure(call);
  assert.equal(error.code, code, error.message);
  return error;
}

function hex(value: string | Uint8Array): string {
  assert.ok(value instanceof Uint8Array, `not bytes: ${String(value)}`);
  return Buffer.from(value).toString("hex");
}
