/** @grpc/grpc-js as its users write it, with the code that ts-proto generates for it. */
import type { RecordableHistogram } from "node:perf_hooks";
import * as grpc from "@grpc/grpc-js";
import { EchoRequest, EchoResponse, RepeatRequest, RepeatResponse } from "../gen/bench/v1/bench.ts";
import { echoRequest, repeatRequest } from "./messages.ts";
import { DEADLINE_MS, type Load } from "./plan.ts";
import { type Caller, type PeerSide, recordSince, type Tls } from "./side.ts";

const SERVICE = {
  echo: {
    path: "/bench.v1.BenchService/Echo",
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: EchoRequest) => Buffer.from(EchoRequest.encode(message).finish()),
    requestDeserialize: (bytes: Buffer) => EchoRequest.decode(bytes),
    responseSerialize: (message: EchoResponse) => Buffer.from(EchoResponse.encode(message).finish()),
    responseDeserialize: (bytes: Buffer) => EchoResponse.decode(bytes),
  },
  repeat: {
    path: "/bench.v1.BenchService/Repeat",
    requestStream: false,
    responseStream: true,
    requestSerialize: (message: RepeatRequest) => Buffer.from(RepeatRequest.encode(message).finish()),
    requestDeserialize: (bytes: Buffer) => RepeatRequest.decode(bytes),
    responseSerialize: (message: RepeatResponse) => Buffer.from(RepeatResponse.encode(message).finish()),
    responseDeserialize: (bytes: Buffer) => RepeatResponse.decode(bytes),
  },
} as const;

export function bareGrpcJs(): PeerSide {
  return {
    listen,
    connect: async (port, load, tls) => {
      const client = new grpc.Client(`127.0.0.1:${port}`, clientCredentials(tls), {
        ...(tls?.serverName !== undefined && { "grpc.ssl_target_name_override": tls.serverName }),
      });
      return load.kind === "unary" ? unaryCaller(client, load) : streamCaller(client, load);
    },
  };
}

function listen(tls: Tls): Promise<number> {
  const server = new grpc.Server();
  server.addService(SERVICE, {
    echo({ request }: grpc.ServerUnaryCall<EchoRequest, EchoResponse>, done: grpc.sendUnaryData<EchoResponse>) {
      done(null, { text: request.text, data: request.data });
    },
    repeat(call: grpc.ServerWritableStream<RepeatRequest, RepeatResponse>) {
      const { text, data, count } = call.request;
      let left = count;
      const write = (): void => {
        while (left > 0) {
          left--;
          if (!call.write({ text, data })) {
            call.once("drain", write);
            return;
          }
        }
        call.end();
      };
      write();
    },
  });
  return new Promise((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", serverCredentials(tls), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
}

function unaryCaller(client: grpc.Client, load: Load): Caller {
  const { path, requestSerialize, responseDeserialize } = SERVICE.echo;
  const request = echoRequest(load.bytes);
  const run = (calls: number, latency: RecordableHistogram): Promise<void> =>
    new Promise((resolve, reject) => {
      let left = calls;
      let working = load.concurrency;
      const next = (): void => {
        if (left === 0) {
          if (--working === 0) resolve();
          return;
        }
        left--;
        const begun = performance.now();
        const options = { deadline: Date.now() + DEADLINE_MS };
        const ended = (error: grpc.ServiceError | null): void => {
          if (error !== null) return reject(error);
          recordSince(latency, begun);
          next();
        };
        client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          new grpc.Metadata(),
          options,
          ended,
        );
      };
      for (let worker = 0; worker < load.concurrency; worker++) next();
    });
  return { run };
}

function streamCaller(client: grpc.Client, load: Load): Caller {
  const { path, requestSerialize, responseDeserialize } = SERVICE.repeat;
  const run = async (calls: number, latency: RecordableHistogram): Promise<void> => {
    const request = repeatRequest(load.bytes, calls / load.concurrency);
    const readAll = (): Promise<void> =>
      new Promise((resolve, reject) => {
        const metadata = new grpc.Metadata();
        const options = { deadline: Date.now() + DEADLINE_MS };
        let last = performance.now();
        client
          .makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata, options)
          .on("data", () => {
            recordSince(latency, last);
            last = performance.now();
          })
          .on("error", reject)
          .on("end", resolve);
      });
    await Promise.all(Array.from({ length: load.concurrency }, readAll));
  };
  return { run };
}

function serverCredentials(tls: Tls): grpc.ServerCredentials {
  if (tls === undefined) return grpc.ServerCredentials.createInsecure();
  const [ca, key, cert] = pems(tls);
  return grpc.ServerCredentials.createSsl(ca, [{ private_key: key, cert_chain: cert }], true);
}

function clientCredentials(tls: Tls): grpc.ChannelCredentials {
  return tls === undefined ? grpc.credentials.createInsecure() : grpc.credentials.createSsl(...pems(tls));
}

/** As grpc-js takes them: certificates of those it trusts, key, certificate. */
function pems({ ca, key, cert }: NonNullable<Tls>): [ca: Buffer, key: Buffer, cert: Buffer] {
  return [Buffer.from(String(ca)), Buffer.from(String(key)), Buffer.from(String(cert))];
}
