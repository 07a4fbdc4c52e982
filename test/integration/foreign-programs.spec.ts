/** Programs that know nothing of Meshwork: @grpc/grpc-js as its users write it, and buf curl. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { createMesh, type Mesh } from "@meshwork/sdk";
import { GreeterService } from "../../services/gen/greeter/v1/greeter.mesh.ts";
import { ALONE, type GreeterMesh, startGreeterMesh } from "../support/greeter-mesh.ts";
import { recordedLog } from "../support/logs.ts";
import { collect, failure } from "../support/mesh-error.ts";

const run = promisify(execFile);
const PROTO = loadSync("greeter/v1/greeter.proto", { includeDirs: ["proto"], keepCase: false, defaults: true });
const { greeter } = grpc.loadPackageDefinition(PROTO) as unknown as {
  greeter: { v1: { GreeterService: grpc.ServiceClientConstructor } };
};

describe("a plain grpc-js client", () => {
  let running: GreeterMesh;
  let client: grpc.Client & Record<string, (...args: never[]) => unknown>;
  before(async () => {
    running = await startGreeterMesh();
    client = new greeter.v1.GreeterService(running.greeterAddress, grpc.credentials.createInsecure()) as never;
  });
  after(async () => {
    client.close();
    await running.mesh.close();
  });

  const call = (method: string, ...args: unknown[]): unknown =>
    (client[method] as (...all: unknown[]) => unknown).apply(client, args);

  it("makes a unary call", async () => {
    const answer = await new Promise((resolve, reject) =>
      call("sayHello", { name: "Ada", language: "de" }, (error: Error | null, response: unknown) =>
        error === null ? resolve(response) : reject(error),
      ),
    );
    assert.deepEqual(answer, { message: "Hallo, Ada!", instance: "greeter-1" });
  });

  it("reads a server's stream", async () => {
    const stream = call("sayHelloEverywhere", { name: "Ada" }) as AsyncIterable<{ language: string }>;
    assert.equal((await collect(stream)).length, 5);
  });

  it("sends a stream of its own", async () => {
    const answer = await new Promise((resolve, reject) => {
      const stream = call("greetGroup", (error: Error | null, response: unknown) =>
        error === null ? resolve(response) : reject(error),
      ) as grpc.ClientWritableStream<object>;
      stream.write({ name: "Ada" });
      stream.write({ name: "Grace" });
      stream.end();
    });
    assert.deepEqual(answer, { message: "Hello, Ada and Grace!", count: 2 });
  });

  it("holds a conversation", async () => {
    const stream = call("chat") as grpc.ClientDuplexStream<object, { text: string }>;
    stream.write({ text: "hi" });
    stream.write({ text: "bye" });
    stream.end();
    assert.deepEqual(
      (await collect(stream as AsyncIterable<{ text: string }>)).map(({ text }) => text),
      ["Hello", "Goodbye"],
    );
  });

  it("sees status, message and details of an error", async () => {
    const error = await new Promise<grpc.ServiceError>((resolve) =>
      call("sayHello", { name: "Ada", language: "xx" }, (failed: grpc.ServiceError) => resolve(failed)),
    );
    assert.equal(error.code, grpc.status.INVALID_ARGUMENT);
    assert.match(error.details, /language "xx" is not spoken here/);
    assert.equal(error.metadata.get("grpc-status-details-bin").length, 1);
  });
});

describe("a plain grpc-js server", () => {
  let server: grpc.Server;
  let mesh: Mesh;
  let target: string;
  before(async () => {
    server = new grpc.Server();
    server.addService(greeter.v1.GreeterService.service, {
      sayHello: (call: grpc.ServerUnaryCall<{ name: string }, object>, done: grpc.sendUnaryData<object>) => {
        if (call.request.name === "") {
          const metadata = new grpc.Metadata();
          metadata.set("x-why", "empty");
          done({ code: grpc.status.NOT_FOUND, details: "nobody — привет 100%", metadata });
        } else {
          done(null, { message: `plain ${call.request.name}` });
        }
      },
      sayHelloEverywhere: (call: grpc.ServerWritableStream<{ name: string }, object>) => {
        for (const language of ["en", "de"]) call.write({ language, message: call.request.name });
        call.end();
      },
      greetGroup: (call: grpc.ServerReadableStream<{ name: string }, object>, done: grpc.sendUnaryData<object>) => {
        let count = 0;
        call.on("data", () => count++);
        call.on("end", () => done(null, { count }));
      },
      chat: (call: grpc.ServerDuplexStream<{ text: string }, object>) => {
        call.on("data", ({ text }: { text: string }) => call.write({ text: `${text}?` }));
        call.on("end", () => call.end());
      },
    });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    target = `static:///127.0.0.1:${port}`;
    mesh = createMesh({ ...ALONE, log: recordedLog().log });
  });
  after(async () => {
    await mesh.close();
    server.forceShutdown();
  });

  it("is called in all four kinds", async () => {
    const client = mesh.client(GreeterService, { target });
    assert.equal((await client.sayHello({ name: "Ada" })).message, "plain Ada");
    assert.deepEqual(
      (await collect(client.sayHelloEverywhere({ name: "Ada" }))).map(({ language }) => language),
      ["en", "de"],
    );
    assert.equal((await client.greetGroup([{}, {}, {}])).count, 3);
    assert.deepEqual(await collect(client.chat([{ text: "hi" }])), [{ text: "hi?" }]);
  });

  it("has its status, message and trailers understood", async () => {
    const error = await failure(mesh.client(GreeterService, { target }).sayHello({}));
    assert.equal(error.code, "NOT_FOUND");
    assert.equal(error.reason, "nobody — привет 100%");
    assert.equal(error.metadata?.get("x-why"), "empty");
  });
});

describe("buf curl", () => {
  let running: GreeterMesh;
  before(async () => {
    running = await startGreeterMesh();
  });
  after(() => running.mesh.close());

  const curl = (...args: string[]) =>
    run("node_modules/.bin/buf", ["curl", "--http2-prior-knowledge", "--protocol", "grpc", ...args], {
      env: { ...process.env, NO_COLOR: "1" },
    });
  const url = (path: string) => `http://${running.greeterAddress}${path}`;

  it("lists services and methods through reflection", async () => {
    assert.match((await curl("--list-services", url(""))).stdout, /^greeter\.v1\.GreeterService$/m);
    const methods = (await curl("--list-methods", url(""))).stdout;
    for (const name of ["SayHello", "SayHelloEverywhere", "GreetGroup", "Chat"])
      assert.match(methods, new RegExp(`/${name}$`, "m"));
  });

  it("calls methods through reflection, unary and streaming", async () => {
    const one = await curl("-d", '{"name":"Ada","language":"ja"}', url("/greeter.v1.GreeterService/SayHello"));
    assert.equal((JSON.parse(one.stdout) as { message: string }).message, "こんにちは, Ada!");
    const group = await curl("-d", '{"name":"Ada"}{"name":"Grace"}', url("/greeter.v1.GreeterService/GreetGroup"));
    assert.equal((JSON.parse(group.stdout) as { count: number }).count, 2);
    const everywhere = await curl("-d", '{"name":"Ada"}', url("/greeter.v1.GreeterService/SayHelloEverywhere"));
    assert.equal(everywhere.stdout.match(/"language"/g)?.length, 5);
  });

  it("sees an error's details decoded", async () => {
    const failed = await curl("-d", '{"name":"Ada","language":"xx"}', url("/greeter.v1.GreeterService/SayHello")).then(
      () => assert.fail("the call succeeded"),
      (error: { stderr: string }) => error.stderr,
    );
    assert.match(failed, /invalid_argument/);
    assert.match(failed, /google\.rpc\.BadRequest/);
  });
});
