/**
 * Passing while a server says that it serves: https://github.com/grpc/grpc/blob/master/doc/health-checking.md.
 *
 * One unary call with one small field each way, straight over Node's HTTP/2
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md): a gRPC library would be this agent's largest part.
 */
import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";

import type { Target } from "../state/check-spec.ts";
import { dialFault, parseHostPort } from "./dial.ts";
import type { ProbeSignals } from "./probe.ts";
import type { Outcome } from "./running-check.ts";

type GrpcTarget = Extract<Target, { kind: "grpc" }>;

const serving = 1;
const checkPath = "/grpc.health.v1.Health/Check";
/** A health answer is a handful of bytes. */
const maxAnswerBytes = 4_096;

export async function probeGrpc(target: GrpcTarget, signals: ProbeSignals): Promise<Outcome> {
  const slash = target.address.indexOf("/");
  const server = slash < 0 ? target.address : target.address.slice(0, slash);
  const service = slash < 0 ? "" : target.address.slice(slash + 1);
  const answer = await call(server, target, encodeRequest(service), signals);
  if (decodeStatus(answer) !== serving) throw new Error("gRPC application didn't report service healthy");
  return { status: "passing", output: `gRPC check ${target.address}: success` };
}

function call(server: string, target: GrpcTarget, request: Buffer, signals: ProbeSignals): Promise<Buffer> {
  const { host, port } = parseHostPort(server);
  const authority = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const session = connect(`${target.tls ? "https" : "http"}://${authority}`, {
    rejectUnauthorized: !target.tlsSkipVerify,
  });
  return new Promise<Buffer>((resolve, reject) => {
    const fail = (code: string, why: string, cause?: Error): void =>
      reject(new Error(`rpc error: code = ${code} desc = ${why}`, { cause }));
    const abandon = (): void => fail("DeadlineExceeded", "context deadline exceeded");
    for (const signal of [signals.timeout, signals.stopped]) {
      if (signal.aborted) abandon();
      signal.addEventListener("abort", abandon, { once: true });
    }
    const unconnected = (error: Error): void => {
      const dialled = error instanceof AggregateError || "syscall" in error;
      const why = dialled ? dialFault(error, host, port) : error.message;
      fail("Unavailable", `connection error: desc = "transport: Error while dialing ${why}"`, error);
    };
    session.on("error", unconnected);
    exchange(session, server, request).then(resolve, (error: unknown) => {
      if (error instanceof CallFault) fail(error.code, error.message);
      else unconnected(error instanceof Error ? error : new Error(String(error)));
    });
  }).finally(() => session.destroy());
}

class CallFault extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = "CallFault";
    this.code = code;
  }
}

function exchange(session: ClientHttp2Session, authority: string, request: Buffer): Promise<Buffer> {
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: "POST",
    [constants.HTTP2_HEADER_PATH]: checkPath,
    [constants.HTTP2_HEADER_AUTHORITY]: authority,
    "content-type": "application/grpc",
    te: "trailers",
    "user-agent": "meshwork-agent",
  });
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let headers: IncomingHttpHeaders = {};
    stream.once("response", (received) => (headers = received));
    stream.once("trailers", (received: IncomingHttpHeaders) => (headers = { ...headers, ...received }));
    stream.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxAnswerBytes) chunks.push(chunk);
      else stream.destroy(new CallFault("ResourceExhausted", `the answer is longer than ${maxAnswerBytes} bytes`));
    });
    stream.once("error", reject);
    stream.once("close", () => reject(new CallFault("Unavailable", "the connection was closed")));
    stream.once("end", () => {
      const fault = statusFault(headers);
      if (fault === undefined) resolve(Buffer.concat(chunks));
      else reject(fault);
    });
    stream.end(request);
  });
}

function statusFault(headers: IncomingHttpHeaders): CallFault | undefined {
  const status = headers["grpc-status"];
  if (status === "0") return undefined;
  if (status === undefined) {
    const http = String(headers[":status"] ?? "none");
    return new CallFault("Unknown", `the answer has no gRPC status; its HTTP status is ${http}`);
  }
  const message = headers["grpc-message"];
  return new CallFault(codeNames[Number(status)] ?? `Code(${String(status)})`, decodeMessage(String(message ?? "")));
}

/** By number, as Go writes them. */
const codeNames: readonly string[] = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
];

function decodeMessage(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

const messageHeadBytes = 5;

/** `HealthCheckRequest { string service = 1 }`, framed. */
function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
  const head = Buffer.alloc(messageHeadBytes);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}

/** `HealthCheckResponse { ServingStatus status = 1 }`; anything else is not an answer that says "serving". */
function decodeStatus(answer: Buffer): number | undefined {
  const message = answer.subarray(messageHeadBytes);
  return message[0] === 0x08 ? message[1] : undefined;
}
