import assert from "node:assert/strict";
import { EventEmitter, on } from "node:events";
import { BadRequest, createMesh, currentContext, MeshError, Metadata } from "@meshwork/sdk";
import { GreeterService, type GreeterServiceHandlers } from "../../services/gen/greeter/v1/greeter.mesh.ts";
import { ALONE, type GreeterMesh, startGreeterMesh } from "../support/greeter-mesh.ts";
import { recordedLog } from "../support/logs.ts";
import { collect, failure } from "../support/mesh-error.ts";

/** Handlers of which a test writes the one it is about. */
function handlers(some: Partial<GreeterServiceHandlers>): GreeterServiceHandlers {
  return {
    sayHello: () => ({}),
    async *sayHelloEverywhere() {},
    greetGroup: async () => ({}),
    async *chat() {},
    ...some,
  };
}

describe("calls", () => {
  let running: GreeterMesh;
  before(async () => {
    running = await startGreeterMesh();
  });
  after(() => running.mesh.close());

  it("are made and answered in all four kinds", async () => {
    const { greeter } = running;
    assert.deepEqual(await greeter.sayHello({ name: "Ada", language: "fr" }), {
      message: "Bonjour, Ada!",
      instance: "greeter-1",
    });
    const everywhere = await collect(greeter.sayHelloEverywhere({ name: "Ada" }));
    assert.deepEqual(
      everywhere.map(({ language }) => language),
      ["en", "de", "es", "fr", "ja"],
    );
    assert.deepEqual(await greeter.greetGroup([{ name: "Ada" }, { name: "Grace" }]), {
      message: "Hello, Ada and Grace!",
      count: 2,
    });
    assert.deepEqual(await collect(greeter.chat([{ text: "hi" }, { text: "good bye" }])), [
      { text: "Hello" },
      { text: "Goodbye" },
    ]);
  });

  it("answer each message of a conversation before the next is written", async () => {
    const said: string[] = [];
    const toSay = new EventEmitter();
    async function* speak() {
      for await (const [text] of on(toSay, "say", { close: ["silence"] })) yield { text: text as string };
    }
    const replies = running.greeter.chat(speak())[Symbol.asyncIterator]();
    for (const text of ["hi", "bye"]) {
      // Asked for before it can be there: the reply comes while the stream of requests is still open.
      const reply = replies.next();
      setImmediate(() => toSay.emit("say", text));
      said.push(((await reply).value as { text: string }).text);
    }
    toSay.emit("silence");
    assert.equal((await replies.next()).done, true);
    assert.deepEqual(said, ["Hello", "Goodbye"]);
  });

  it("carry rich errors through two services", async () => {
    const error = await failure(running.greeter.sayHello({ name: "Ada", language: "xx" }));
    assert.equal(error.code, "INVALID_ARGUMENT");
    assert.match(error.reason, /TranslatorService\/Translate: language "xx" is not spoken here/);
    assert.equal(error.findDetail(BadRequest)?.fieldViolations[0]?.field, "language");
    assert.equal(error.endpoint, running.greeterAddress);
    assert.equal(error.attempts, 1);
  });

  it("pass on trace, deadline, criticality and cancellation to the calls a handler makes", async () => {
    const seen: Record<string, unknown> = {};
    const mesh = createMesh({ ...ALONE, log: recordedLog().log });
    const back = await mesh
      .server()
      .add(
        GreeterService,
        handlers({
          sayHello: (_request, context) => {
            seen["innerTrace"] = context.trace.traceId;
            seen["innerCriticality"] = context.criticality;
            seen["innerRemaining"] = context.remainingMs();
            return {};
          },
        }),
      )
      .start();
    const inner = mesh.client(GreeterService, { target: `static:///127.0.0.1:${back.address.port}` });
    const front = await mesh
      .server()
      .add(
        GreeterService,
        handlers({
          sayHello: async (request, context) => {
            seen["outerTrace"] = context.trace.traceId;
            assert.equal(currentContext(), context);
            return inner.sayHello(request);
          },
        }),
      )
      .start();
    const outer = mesh.client(GreeterService, { target: `static:///127.0.0.1:${front.address.port}` });
    await outer.sayHello({ name: "Ada" }, { timeoutMs: 300, policy: { criticality: "SHEDDABLE" } });
    assert.equal(seen["innerTrace"], seen["outerTrace"]);
    assert.equal(seen["innerCriticality"], "SHEDDABLE");
    assert.ok((seen["innerRemaining"] as number) <= 300);
    await mesh.close();
  });

  it("carry metadata both ways, text and binary", async () => {
    const mesh = createMesh({ ...ALONE, log: recordedLog().log });
    const server = await mesh
      .server()
      .add(
        GreeterService,
        handlers({
          sayHello: ({ name }, context) => {
            context.responseHeaders.set("x-tenant", context.metadata.get("x-tenant") ?? "none");
            context.responseTrailers.set("x-seen-bin", context.metadata.getBinary("x-raw-bin") ?? new Uint8Array());
            return { message: name };
          },
        }),
      )
      .start();
    const greeter = mesh.client(GreeterService, { target: `static:///127.0.0.1:${server.address.port}` });
    let headers = new Metadata();
    let trailers = new Metadata();
    await greeter.sayHello(
      { name: "Ada" },
      {
        metadata: { "x-tenant": "acme", "x-raw-bin": Uint8Array.of(0, 255, 7) },
        onHeaders: (received) => (headers = received),
        onTrailers: (received) => (trailers = received),
      },
    );
    assert.equal(headers.get("x-tenant"), "acme");
    assert.deepEqual([...(trailers.getBinary("x-seen-bin") ?? [])], [0, 255, 7]);
    await mesh.close();
  });

  it("run inside the interceptors of both sides, the first outermost", async () => {
    const order: string[] = [];
    const mesh = createMesh({
      ...ALONE,
      log: recordedLog().log,
      clientInterceptors: [
        (next) => async (call) => {
          order.push(`client ${call.method.name} ->`);
          const answer = await next({ ...call, options: { ...call.options, metadata: { "x-who": "interceptor" } } });
          order.push("client <-");
          return answer;
        },
      ],
      serverInterceptors: [
        (next) => async (call) => {
          order.push(`server ${call.context.metadata.get("x-who")}`);
          return next(call);
        },
        (next) => (call) => {
          order.push("server inner");
          return next(call);
        },
      ],
    });
    const server = await mesh
      .server()
      .add(
        GreeterService,
        handlers({
          sayHello: ({ name }) => ({ message: name }),
          async *sayHelloEverywhere() {
            yield { message: "one" };
            yield { message: "two" };
          },
        }),
      )
      .start();
    const greeter = mesh.client(GreeterService, { target: `static:///127.0.0.1:${server.address.port}` });
    assert.equal((await greeter.sayHello({ name: "Ada" })).message, "Ada");
    assert.deepEqual(order, ["client SayHello ->", "server interceptor", "server inner", "client <-"]);
    const streamed = await collect(greeter.sayHelloEverywhere({ name: "Ada" }));
    assert.deepEqual(
      streamed.map(({ message }) => message),
      ["one", "two"],
    );
    await mesh.close();
  });

  it("log and count every call, both sides", async () => {
    const { log, lines } = recordedLog();
    const own = await startGreeterMesh({ log, admin: { port: 0 } });
    await own.greeter.sayHello({ name: "Ada" });
    const served = lines.find((line) => line["method"] === "greeter.v1.GreeterService/SayHello" && "peer" in line);
    const called = lines.find((line) => line["method"] === "greeter.v1.GreeterService/SayHello" && "attempts" in line);
    assert.equal(served?.["trace_id"], called?.["trace_id"]);
    const admin = await own.mesh.admin();
    const text = await (await fetch(`http://127.0.0.1:${admin?.port}/metrics`)).text();
    assert.match(
      text,
      /grpc_server_call_duration_seconds_count\{grpc_method="greeter.v1.GreeterService\/SayHello",grpc_status="OK"\} 1/,
    );
    assert.match(
      text,
      /grpc_client_attempt_started_total\{grpc_method="greeter.v1.GreeterService\/SayHello",grpc_target="static:\/\/\/[^"]+"\} 1/,
    );
    assert.equal((await fetch(`http://127.0.0.1:${admin?.port}/readyz`)).status, 200);
    await own.mesh.close();
  });

  it("are errors with a stack of ours only in the server's log when a handler throws a plain Error", async () => {
    const { log, lines } = recordedLog();
    const mesh = createMesh({ ...ALONE, log });
    const server = await mesh
      .server()
      .add(
        GreeterService,
        handlers({
          sayHello: () => {
            throw new TypeError("secret detail");
          },
        }),
      )
      .start();
    const greeter = mesh.client(GreeterService, { target: `static:///127.0.0.1:${server.address.port}` });
    const error = await failure(greeter.sayHello({ name: "Ada" }));
    assert.equal(error.code, "INTERNAL");
    assert.doesNotMatch(error.message, /secret/);
    const line = lines.find(({ level }) => level === "error");
    assert.match(JSON.stringify(line), /secret detail/);
    assert.match(error.reason, new RegExp(String(line?.["trace_id"])));
    await mesh.close();
    assert.ok(error instanceof MeshError);
  });
});
