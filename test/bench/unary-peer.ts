/** One side of unary.bench.ts: a server or a client, on the SDK or on bare grpc-js, told what to do over IPC. */
import { createHistogram } from "node:perf_hooks";
import * as grpc from "@grpc/grpc-js";
import { createMesh } from "@meshwork/sdk";
import { TranslateRequest, TranslateResponse } from "../../services/gen/translator/v1/translator.ts";
import { TranslatorService } from "../../services/gen/translator/v1/translator.mesh.ts";

type Request =
  | { kind: "listen" }
  | { kind: "cpu" }
  | { kind: "connect"; port: number }
  | { kind: "run"; calls: number; concurrency: number };

const [role, kind] = process.argv.slice(2);
process.env["MESH_LOG_LEVEL"] = "warn";

const METHOD = {
  translate: {
    path: "/translator.v1.TranslatorService/Translate",
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: TranslateRequest) => Buffer.from(TranslateRequest.encode(message).finish()),
    requestDeserialize: (bytes: Buffer) => TranslateRequest.decode(bytes),
    responseSerialize: (message: TranslateResponse) => Buffer.from(TranslateResponse.encode(message).finish()),
    responseDeserialize: (bytes: Buffer) => TranslateResponse.decode(bytes),
  },
} as const;
/** Both servers answer within the event that brings the request: an answer that waits costs either a write of its own. */
const ANSWER = { text: "Bonjour", instance: "translator-1" };

async function listen(): Promise<number> {
  if (kind === "sdk") {
    const mesh = createMesh({ registration: false, admin: false, handleSignals: false });
    const server = mesh.server().add(TranslatorService, {
      translate: () => ANSWER,
      async *listLanguages() {},
    });
    return (await server.start()).address.port;
  }
  const server = new grpc.Server();
  server.addService(METHOD, {
    translate: (_call: unknown, done: grpc.sendUnaryData<TranslateResponse>) => done(null, ANSWER),
  });
  return new Promise((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
}

function connect(port: number): () => Promise<unknown> {
  const request = { phrase: "hello", language: "fr" };
  if (kind === "sdk") {
    const mesh = createMesh({ registration: false, admin: false, handleSignals: false });
    const client = mesh.client(TranslatorService, { target: `static:///127.0.0.1:${port}` });
    return () => client.translate(request);
  }
  const Client = grpc.makeClientConstructor(METHOD, "translator");
  const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  return () =>
    new Promise((resolve, reject) => {
      const deadline = Date.now() + 500;
      client["translate"]?.(request, new grpc.Metadata(), { deadline }, (error: Error | null, answer: unknown) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
}

let call: (() => Promise<unknown>) | undefined;
let lastCpu = process.cpuUsage();

function cpuUs(): number {
  const { user, system } = process.cpuUsage(lastCpu);
  lastCpu = process.cpuUsage();
  return user + system;
}

async function run(calls: number, concurrency: number): Promise<object> {
  const latency = createHistogram();
  let left = calls;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const begun = performance.now();
      await call?.();
      latency.record(Math.max(1, Math.round((performance.now() - begun) * 1000)));
    }
  };
  cpuUs();
  const begun = performance.now();
  await Promise.all(Array.from({ length: concurrency }, worker));
  const ms = performance.now() - begun;
  return { cpuUs: cpuUs(), ms, p50Ms: latency.percentile(50) / 1000, p99Ms: latency.percentile(99) / 1000 };
}

async function answer(request: Request): Promise<object> {
  switch (request.kind) {
    case "listen":
      return { port: await listen() };
    case "cpu":
      return { cpuUs: cpuUs() };
    case "connect":
      call = connect(request.port);
      await call();
      return {};
    case "run":
      return run(request.calls, request.concurrency);
  }
}

process.on("message", (request: Request) => {
  answer(request).then(
    (reply) => process.send?.(reply),
    (error: unknown) => {
      console.error(role, kind, error);
      process.exit(1);
    },
  );
});
process.on("disconnect", () => process.exit(0));
