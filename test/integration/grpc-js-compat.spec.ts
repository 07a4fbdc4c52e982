/**
 * Programs on @grpc/grpc-js beside and on a mesh: their clients over a mesh's channel, their services on a mesh's server.
 * What grpc-js does on both sides is the reference, so it goes through the same tests.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  type ChannelInterface,
  type ClientReadableStream,
  credentials,
  InterceptingCall,
  type Interceptor,
  makeClientConstructor,
  Metadata,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { createMesh, currentContext, type Mesh, type ServiceInstance } from "@meshwork/sdk";
import { HealthImplementation, service as healthService } from "grpc-health-check";
import { GreeterService } from "../../services/gen/greeter/v1/greeter.mesh.ts";
import { testCertificates } from "../support/certificates.ts";
import { ALONE } from "../support/greeter-mesh.ts";
import {
  CLIENT_CLASSES,
  GreeterClient,
  greeterService,
  implementation,
  plainServer,
  statusOf,
} from "../support/grpc-js-peers.ts";
import { type LogLine, recordedLog } from "../support/logs.ts";
import { collect, failure } from "../support/mesh-error.ts";

type Message = Record<string, unknown>;
type Unary = ServerUnaryCall<Message, Message>;
type Reply = sendUnaryData<Message>;

const PADDING_BYTES = 64 * 1024;
/** Far beyond what windows and buffers may hold. */
const ENDLESS_MESSAGES = 1_000;
/** What windows (4 MiB of a client's connection) and buffers on the way may hold of a stream that nobody reads. */
const HELD_BYTES = 12 * 1024 * 1024;

/** Handlers as people write them for grpc-js; "name" says what a call is to do. */
class Greeter {
  /** By the handlers of the streams that have no end. */
  writtenBytes = 0;
  readBytes = 0;
  readonly cancelled: Promise<string>;
  #tellCancelled: (name: string) => void = () => {};

  constructor() {
    this.cancelled = new Promise((resolve) => (this.#tellCancelled = resolve));
  }

  readonly implementation = implementation({
    sayHello: async (call: Unary, callback: Reply) => {
      const name = call.request["name"] as string;
      switch (name) {
        case "nobody": {
          const metadata = new Metadata();
          metadata.set("why", "empty");
          return callback({ code: status.NOT_FOUND, details: "nobody is here", metadata });
        }
        case "forever":
          call.on("cancelled", () => this.#tellCancelled(`${name} ${call.cancelled}`));
          return;
        case "throws":
          throw new Error("a secret of the server");
        case "throws a status":
          throw Object.assign(new Error("no"), { code: status.PERMISSION_DENIED, details: "not for you" });
        default: {
          const headers = new Metadata();
          headers.set("greeted", call.metadata.get("x-tenant")[0] ?? "nobody");
          call.sendMetadata(headers);
          const trailers = new Metadata();
          trailers.set("sum-bin", Buffer.from([1, 2, 3]));
          const left = Math.round(Number(call.getDeadline()) - Date.now());
          const message = [`Hello, ${name}!`, call.getPath(), left, typeof call.getPeer()].join(" ");
          return callback(null, { message, instance: call.metadata.get("x-bytes-bin").toString() }, trailers);
        }
      }
    },
    sayHelloEverywhere: (call: ServerWritableStream<Message, Message>) => {
      const name = call.request["name"] as string;
      if (name === "nobody") {
        call.write({ language: "en" });
        call.emit("error", { code: status.OUT_OF_RANGE, details: "no more" });
      } else if (name === "forever") {
        call.on("cancelled", () => this.#tellCancelled(`${name} ${call.cancelled}`));
        this.#pour(call, 0);
      } else {
        for (const language of ["en", "de", "fr"]) call.write({ language, message: name });
        const trailers = new Metadata();
        trailers.set("count", "3");
        call.end(trailers);
      }
    },
    greetGroup: (call: ServerReadableStream<Message, Message>, callback: Reply) => {
      const names: string[] = [];
      call.on("data", ({ name }: { name: string }) => {
        names.push(name);
        // Reads no further, for ever.
        if (name.length === PADDING_BYTES) call.pause();
        this.readBytes += name.length;
      });
      call.on("end", () => callback(null, { message: names.join(" and "), count: names.length }));
    },
    chat: (call: ServerDuplexStream<Message, Message>) => {
      call.on("data", ({ text }: Message) => call.write({ text: `${String(text)}?` }));
      call.on("end", () => call.end());
    },
  });

  #pour(call: ServerWritableStream<Message, Message>, from: number): void {
    const message = "x".repeat(PADDING_BYTES);
    for (let sent = from; sent < ENDLESS_MESSAGES; sent++) {
      this.writtenBytes += PADDING_BYTES;
      if (!call.write({ message })) return void call.once("drain", () => this.#pour(call, sent + 1));
    }
  }
}

interface Pair {
  readonly client: GreeterClient;
  readonly greeter: Greeter;
  /** "host:port" of the server. */
  readonly address: string;
  readonly lines: readonly LogLine[];
  readonly mesh: Mesh;
  close(): Promise<void>;
}

async function meshServer(mesh: Mesh, implementation: UntypedServiceImplementation): Promise<string> {
  const server = await mesh.server().addService(greeterService, implementation).start();
  return `127.0.0.1:${server.address.port}`;
}

async function pair(clientOf: "mesh" | "plain", serverOf: "mesh" | "plain", className?: string): Promise<Pair> {
  const { log, lines } = recordedLog();
  const mesh = createMesh({ ...ALONE, log });
  const greeter = new Greeter();
  const plain = serverOf === "plain" ? await plainServer(greeter.implementation) : undefined;
  const address = plain?.address ?? (await meshServer(mesh, greeter.implementation));
  const channel = mesh.channel(`static:///${address}`);
  const client =
    clientOf === "plain" ? GreeterClient.plain(address) : GreeterClient.over(channel, CLIENT_CLASSES[className ?? ""]);
  const close = async (): Promise<void> => {
    client.close();
    await mesh.close();
    plain?.close();
  };
  return { client, greeter, address, lines, mesh, close };
}

const PAIRS = [
  ["mesh", "plain", "makeClientConstructor"],
  ["mesh", "plain", "loadPackageDefinition"],
  ["mesh", "mesh", "makeClientConstructor"],
  ["plain", "mesh", "makeClientConstructor"],
  ["plain", "plain", "makeClientConstructor"],
] as const;

const CLIENTS = { mesh: "a grpc-js client on a mesh's channel", plain: "a grpc-js client" };
const SERVERS = { mesh: "a grpc-js service on a mesh's server", plain: "a grpc-js server" };

for (const [clientOf, serverOf, className] of PAIRS) {
  describe(`${CLIENTS[clientOf]} (${className}) and ${SERVERS[serverOf]}`, () => {
    let running: Pair;
    beforeEach(async () => {
      running = await pair(clientOf, serverOf, className);
    });
    afterEach(() => running.close());

    it("make unary calls, with metadata and deadline both ways", async () => {
      const metadata = new Metadata();
      metadata.set("x-tenant", "acme");
      metadata.set("x-bytes-bin", Buffer.from("bytes"));
      const options = { deadline: Date.now() + 5_000 };
      const answer = await running.client.sayHello({ name: "Ada" }, { metadata, options });
      assert.equal(answer.error, null);
      const [, left] = /^Hello, Ada! \/greeter.v1.GreeterService\/SayHello (\d+) string$/.exec(
        answer.response?.["message"] as string,
      ) as RegExpExecArray;
      assert.ok(Number(left) > 0 && Number(left) <= 5_001, `${left} ms are left`);
      assert.equal(answer.response?.["instance"], "bytes");
      assert.deepEqual(answer.headers?.get("greeted"), ["acme"]);
      assert.deepEqual(answer.status.metadata.get("sum-bin"), [Buffer.from([1, 2, 3])]);
      assert.equal(answer.peer, running.address);
    });

    it("stream responses, and trailers behind them", async () => {
      const stream = running.client.sayHelloEverywhere({ name: "Ada" });
      const ended = statusOf(stream);
      const messages = await collect(stream as AsyncIterable<Message>);
      assert.deepEqual(
        messages.map(({ language }) => language),
        ["en", "de", "fr"],
      );
      const { code, metadata } = await ended;
      assert.equal(code, status.OK);
      assert.deepEqual(metadata.get("count"), ["3"]);
    });

    it("stream requests", async () => {
      const { call, answer } = running.client.greetGroup();
      for (const name of ["Ada", "Grace"]) call.write({ name });
      call.end();
      assert.deepEqual(await answer, { message: "Ada and Grace", count: 2 });
    });

    it("stream both ways, each message answered before the next", async () => {
      const chat = running.client.chat();
      const ended = statusOf(chat);
      const heard: unknown[] = [];
      chat.on("data", ({ text }: Message) => heard.push(text));
      for (const text of ["one", "two"]) {
        chat.write({ text });
        await once(chat, "data");
      }
      chat.end();
      assert.equal((await ended).code, status.OK);
      assert.deepEqual(heard, ["one?", "two?"]);
    });

    it("tell errors with their details and trailers, also after messages", async () => {
      const { error, response } = await running.client.sayHello({ name: "nobody" });
      assert.equal(response, undefined);
      assert.deepEqual([error?.code, error?.details], [status.NOT_FOUND, "nobody is here"]);
      assert.deepEqual(error?.metadata.get("why"), ["empty"]);
      const stream = running.client.sayHelloEverywhere({ name: "nobody" });
      const ended = statusOf(stream);
      const [first] = (await once(stream, "data")) as [Message];
      assert.equal(first["language"], "en");
      const { code, details } = await ended;
      assert.deepEqual([code, details], [status.OUT_OF_RANGE, "no more"]);
    });

    it("end calls at their deadline, and tell the handler", async () => {
      const { error } = await running.client.sayHello({ name: "forever" }, { options: { deadline: Date.now() + 500 } });
      assert.equal(error?.code, status.DEADLINE_EXCEEDED);
      assert.equal(await running.greeter.cancelled, "forever true");
    });

    it("refuse a deadline that has passed", async () => {
      const { error } = await running.client.sayHello({ name: "Ada" }, { options: { deadline: Date.now() - 1 } });
      assert.equal(error?.code, status.DEADLINE_EXCEEDED);
    });

    it("cancel calls, and tell the handler", async () => {
      const stream = running.client.sayHelloEverywhere({ name: "forever" });
      const ended = statusOf(stream);
      await once(stream, "data");
      stream.cancel();
      assert.equal((await ended).code, status.CANCELLED);
      assert.equal(await running.greeter.cancelled, "forever true");
    });

    it("hold a server back whose messages nobody reads", async () => {
      const stream = running.client.sayHelloEverywhere({ name: "forever" });
      const ended = statusOf(stream);
      await once(stream, "data");
      stream.pause();
      await turns(running.address);
      assert.ok(running.greeter.writtenBytes < HELD_BYTES, `${running.greeter.writtenBytes} bytes were written`);
      stream.cancel();
      await ended;
    });

    it("hold a client back whose messages nobody reads", async () => {
      const { call, answer } = running.client.greetGroup();
      let taken = 0;
      let sent = 0;
      const name = "x".repeat(PADDING_BYTES);
      const pour = (): void => {
        while (sent++ < ENDLESS_MESSAGES) {
          if (!call.write({ name }, () => taken++)) return void call.once("drain", pour);
        }
      };
      pour();
      await turns(running.address);
      assert.ok(taken * PADDING_BYTES < HELD_BYTES, `${taken} messages were taken`);
      const failed = assert.rejects(answer, { code: status.CANCELLED });
      call.cancel();
      await failed;
    });

    if (serverOf === "mesh") {
      it("hear of handlers that throw or reject, with a status or without its text", async () => {
        const { error } = await running.client.sayHello({ name: "throws" });
        assert.equal(error?.code, status.INTERNAL);
        assert.match(error.details, /trace_id/);
        const thrown = await running.client.sayHello({ name: "throws a status" });
        assert.deepEqual([thrown.error?.code, thrown.error?.details], [status.PERMISSION_DENIED, "not for you"]);
        const line = running.lines.find(({ level }) => level === "error");
        assert.match(JSON.stringify(line), /a secret of the server/);
      });
    }
  });
}

/** Lets what is on its way arrive: calls on a connection of their own, one after the other. */
async function turns(address: string): Promise<void> {
  const client = GreeterClient.plain(address);
  for (let made = 0; made < 60; made++) await client.sayHello({ name: "Ada" });
  client.close();
}

/** The health service's own client. */
function healthClient(channel: ChannelInterface) {
  const Class = makeClientConstructor(healthService, "grpc.health.v1.Health");
  const client = new Class("nobody.invalid:1", credentials.createInsecure(), { channelOverride: channel });
  const method = (name: string) => (Reflect.get(client, name) as (...args: unknown[]) => never).bind(client);
  return {
    check: (service: string): Promise<Message> =>
      new Promise((resolve, reject) => {
        const done = (error: Error | null, response: Message): void =>
          error === null ? resolve(response) : reject(error);
        method("check")({ service }, done);
      }),
    watch: (service: string): ClientReadableStream<Message> => method("watch")({ service }),
  };
}

describe("a mesh's channel", () => {
  const meshes: Mesh[] = [];
  const closers: (() => void)[] = [];
  afterEach(async () => {
    for (const mesh of meshes.splice(0)) await mesh.close();
    for (const close of closers.splice(0)) close();
  });

  function ownMesh(options: Parameters<typeof createMesh>[0] = {}): Mesh {
    const mesh = createMesh({ ...ALONE, log: recordedLog().log, ...options });
    meshes.push(mesh);
    return mesh;
  }

  async function greeterAt(implementation: UntypedServiceImplementation): Promise<string> {
    const server = await plainServer(implementation);
    closers.push(() => server.close());
    return server.address;
  }

  it("balances over the endpoints of its target", async () => {
    const mesh = ownMesh({ balancing: "round_robin" });
    const addresses = [await greeterAt(new Greeter().implementation), await greeterAt(new Greeter().implementation)];
    const client = GreeterClient.over(mesh.channel(`static:///${addresses.join(",")}`));
    // Only endpoints that are connected are picked.
    const peers = new Map<string, number>();
    while (peers.size < 2) peers.set((await client.sayHello({ name: "Ada" })).peer, 0);
    for (let made = 0; made < 10; made++) {
      const { peer } = await client.sayHello({ name: "Ada" });
      peers.set(peer, (peers.get(peer) ?? 0) + 1);
    }
    assert.deepEqual([...peers.values()], [5, 5]);
  });

  it("calls typed services of a mesh, and inherits the context of the call being served", async () => {
    const mesh = ownMesh();
    let inner: { readonly traceId: string; readonly remainingMs: number } | undefined;
    const back = await mesh
      .server()
      .addService(greeterService, {
        SayHello: (_call: Unary, callback: Reply) => {
          const context = currentContext();
          assert.ok(context !== undefined);
          inner = { traceId: context.trace.traceId, remainingMs: context.deadline - performance.now() };
          callback(null, { message: "inner" });
        },
      })
      .start();
    const client = GreeterClient.over(mesh.channel(`static:///127.0.0.1:${back.address.port}`));
    let outerTrace: string | undefined;
    const front = await mesh
      .server()
      .add(GreeterService, {
        sayHello: async (_request, { trace }) => {
          outerTrace = trace.traceId;
          const { response } = await client.sayHello({ name: "Ada" });
          return { message: `outer ${String(response?.["message"])}` };
        },
        async *sayHelloEverywhere() {},
        greetGroup: async () => ({}),
        async *chat() {},
      })
      .start();
    const typed = mesh.client(GreeterService, { target: `static:///127.0.0.1:${front.address.port}` });
    assert.equal((await typed.sayHello({ name: "Ada" }, { timeoutMs: 500 })).message, "outer inner");
    assert.equal(inner?.traceId, outerTrace);
    assert.ok((inner?.remainingMs as number) <= 500);
  });

  it("belongs to the trace that the client's instrumentation puts into its metadata", async () => {
    const mesh = ownMesh();
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let seen = "";
    const address = await greeterAt({
      sayHello: (call: Unary, callback: Reply) => {
        seen = String(call.metadata.get("traceparent")[0]);
        callback(null, {});
      },
    });
    const metadata = new Metadata();
    metadata.set("traceparent", traceparent);
    await GreeterClient.over(mesh.channel(`static:///${address}`)).sayHello({}, { metadata });
    assert.equal(seen.split("-")[1], traceparent.split("-")[1]);
    assert.notEqual(seen, traceparent);
  });

  it("runs the client's interceptors", async () => {
    const mesh = ownMesh();
    const seen: string[] = [];
    const interceptor: Interceptor = (options, next) =>
      new InterceptingCall(next(options), {
        start: (metadata, _listener, forward) => {
          metadata.set("x-tenant", "intercepted");
          // Later, as interceptors that fetch a token do.
          setImmediate(() =>
            forward(metadata, {
              onReceiveStatus: (received, pass) => {
                seen.push(`status ${received.code}`);
                pass(received);
              },
            }),
          );
        },
        sendMessage: (message, forward) => {
          seen.push("message");
          forward(message);
        },
      });
    const address = await greeterAt(new Greeter().implementation);
    const channel = mesh.channel(`static:///${address}`);
    const client = GreeterClient.over(channel, undefined, { interceptors: [interceptor] });
    const { headers } = await client.sayHello({ name: "Ada" });
    assert.deepEqual(headers?.get("greeted"), ["intercepted"]);
    assert.deepEqual(seen, ["message", "status 0"]);
  });

  it("refuses call credentials over plaintext, and sends them where it was told to", async () => {
    const mesh = ownMesh();
    const address = await greeterAt(new Greeter().implementation);
    const asked: string[] = [];
    const token = credentials.createFromMetadataGenerator(({ service_url, method_name }, callback) => {
      asked.push(`${service_url} ${method_name}`);
      const metadata = new Metadata();
      metadata.set("x-tenant", "with a token");
      callback(null, metadata);
    });
    const options = { credentials: token };
    const careful = GreeterClient.over(mesh.channel(`static:///${address}`));
    const refused = await careful.sayHello({ name: "Ada" }, { options });
    assert.equal(refused.error?.code, status.UNAUTHENTICATED);
    assert.match(refused.error.details, /plaintext/);
    const target = `static:///${address}`;
    const trusting = GreeterClient.over(mesh.channel(target, { plaintextCredentials: true }));
    const sent = await trusting.sayHello({ name: "Ada" }, { options });
    assert.deepEqual(sent.headers?.get("greeted"), ["with a token"]);
    assert.deepEqual(asked, [`https://${address}/greeter.v1.GreeterService /greeter.v1.GreeterService/SayHello`]);
    const broken = credentials.createFromMetadataGenerator((_options, callback) => callback(new Error("no token")));
    const failed = await trusting.sayHello({ name: "Ada" }, { options: { credentials: broken } });
    assert.equal(failed.error?.code, status.UNKNOWN);
    assert.match(failed.error.details, /no token/);
    const silent = credentials.createFromMetadataGenerator(() => {});
    const late = await trusting.sayHello({}, { options: { credentials: silent, deadline: Date.now() + 20 } });
    assert.equal(late.error?.code, status.DEADLINE_EXCEEDED);
    const cancelled = await trusting.sayHello({}, { options: { credentials: silent }, made: (call) => call.cancel() });
    assert.equal(cancelled.error?.code, status.CANCELLED);
  });

  it("calls over TLS, where call credentials may be sent", async () => {
    const { ca, server } = testCertificates();
    const mesh = ownMesh();
    const secure = ownMesh({ tls: server });
    const address = await meshServer(secure, new Greeter().implementation);
    const token = credentials.createFromMetadataGenerator((_options, callback) => {
      const metadata = new Metadata();
      metadata.set("x-tenant", "with a token");
      callback(null, metadata);
    });
    const target = `static:///${address.replace("127.0.0.1", "localhost")}`;
    const client = GreeterClient.over(mesh.channel(target, { tls: { ca } }));
    const { headers } = await client.sayHello({ name: "Ada" }, { options: { credentials: token } });
    assert.deepEqual(headers?.get("greeted"), ["with a token"]);
  });

  it("follows the call being served that a client names as its parent", async () => {
    const mesh = ownMesh();
    const greeter = new Greeter();
    const address = await greeterAt(greeter.implementation);
    const client = GreeterClient.over(mesh.channel(`static:///${address}`));
    const front = await plainServer(
      implementation({
        sayHello: async (parent: Unary, callback: Reply) => {
          const { error } = await client.sayHello({ name: "forever" }, { options: { parent } });
          callback(error);
        },
      }),
    );
    closers.push(() => front.close());
    const outer = GreeterClient.plain(front.address);
    closers.push(() => outer.close());
    const { error } = await outer.sayHello({}, { options: { deadline: Date.now() + 50 } });
    assert.equal(error?.code, status.DEADLINE_EXCEEDED);
    assert.equal(await greeter.cancelled, "forever true");
  });

  it("waits until it is ready, and fails calls at once when there is nothing to wait for", async () => {
    const mesh = ownMesh();
    const address = await greeterAt(new Greeter().implementation);
    const client = GreeterClient.over(mesh.channel(`static:///${address}`));
    assert.equal(await client.ready(5_000), undefined);
    const nobody = await plainServer({});
    nobody.close();
    const alone = GreeterClient.over(mesh.channel(`static:///${nobody.address}`));
    const { error } = await alone.sayHello({ name: "Ada" });
    assert.equal(error?.code, status.UNAVAILABLE);
    assert.match(error.details, /no connection/);
    assert.match(String(await alone.ready(30)), /before the deadline/);
    client.close();
    await assert.rejects(client.sayHello({}), { code: "FAILED_PRECONDITION" });
    assert.match(String(await client.ready(30)), /closed|deadline/);
  });

  it("sends a call again that provably reached nobody, and no other", async () => {
    const { log } = recordedLog();
    const mesh = ownMesh({ log });
    let calls = 0;
    const failing = await greeterAt({
      sayHello: (_call: Unary, callback: Reply) => {
        calls++;
        callback({ code: status.UNAVAILABLE, details: "busy" });
      },
    });
    const { error } = await GreeterClient.over(mesh.channel(`static:///${failing}`)).sayHello({});
    assert.deepEqual([error?.code, error?.details, calls], [status.UNAVAILABLE, "busy", 1]);
    // With its contract it is known that the method may be sent again.
    const known = mesh.channel(`static:///${failing}`, { contracts: [GreeterService] });
    await GreeterClient.over(known).sayHello({});
    assert.ok(calls > 2, `${calls} calls`);
  });

  it("shows its calls in metrics and logs like all others", async () => {
    const { log, lines } = recordedLog();
    const mesh = ownMesh({ log });
    const address = await greeterAt(new Greeter().implementation);
    const client = GreeterClient.over(mesh.channel(`static:///${address}`));
    await client.sayHello({ name: "nobody" });
    const exposition = await mesh.registry.metrics();
    const labels = `grpc_method="greeter.v1.GreeterService/SayHello",grpc_target="static:///${address}"`;
    assert.match(exposition, new RegExp(`grpc_client_attempt_started_total\\{${labels}[^}]*\\} 1`));
    assert.match(exposition, /grpc_client_call_duration_seconds_count\{[^}]*SayHello[^}]*NOT_FOUND[^}]*\} 1/);
    assert.ok(
      lines.some(({ method, code }) => method === "greeter.v1.GreeterService/SayHello" && code === "NOT_FOUND"),
    );
  });

  it("counts calls of methods beyond a bound as other", async () => {
    const mesh = ownMesh();
    const channel = mesh.channel(`static:///${await greeterAt(new Greeter().implementation)}`);
    const client = GreeterClient.over(channel).client;
    const bytes = (value: Buffer): Buffer => value;
    for (let made = 0; made < 260; made++) {
      await new Promise<void>((resolve) => {
        client.makeUnaryRequest(`/made.Up/Method${made}`, bytes, bytes, Buffer.alloc(0), () => resolve());
      });
    }
    const exposition = await mesh.registry.metrics();
    const named = exposition.match(/grpc_client_attempt_started_total\{grpc_method="made.Up/g)?.length ?? 0;
    assert.equal(named, 256);
    assert.match(exposition, /grpc_client_attempt_started_total\{grpc_method="other"[^}]*\} 4/);
  });

  it("names what is wrong with its options", () => {
    const mesh = ownMesh();
    assert.throws(() => mesh.channel("greeter", { contracts: [3] } as never), /contracts\.0: expected a contract/);
    assert.throws(() => mesh.channel("127.0.0.1:1"), /is an address and not a name/);
  });
});

describe("a service written for grpc-js", () => {
  it("is called by typed clients of a mesh, inside the mesh's interceptors", async () => {
    const seen: string[] = [];
    const { log } = recordedLog();
    const mesh = createMesh({
      ...ALONE,
      log,
      serverInterceptors: [
        (next) => async (call) => {
          seen.push(call.method.path);
          return next(call);
        },
      ],
    });
    const address = await meshServer(mesh, new Greeter().implementation);
    const client = mesh.client(GreeterService, { target: `static:///${address}` });
    assert.match((await client.sayHello({ name: "Ada" })).message, /^Hello, Ada!/);
    assert.equal((await collect(client.sayHelloEverywhere({ name: "Ada" }))).length, 3);
    assert.deepEqual(await client.greetGroup([{ name: "Ada" }]), { message: "Ada", count: 1 });
    assert.deepEqual(await collect(client.chat([{ text: "hi" }])), [{ text: "hi?" }]);
    const error = await failure(client.sayHello({ name: "nobody" }));
    assert.deepEqual([error.code, error.reason], ["NOT_FOUND", "nobody is here"]);
    assert.equal(seen.length, 5);
    await mesh.close();
  });

  it("may loop over its requests and answer after the last, where grpc-js's own stream would be closed", async () => {
    const mesh = createMesh({ ...ALONE, log: recordedLog().log });
    const address = await meshServer(
      mesh,
      implementation({
        chat: async (call: ServerDuplexStream<Message, Message>) => {
          let heard = 0;
          for await (const _ of call) heard++;
          call.write({ text: `${heard} messages` });
          call.end();
        },
      }),
    );
    const client = mesh.client(GreeterService, { target: `static:///${address}` });
    assert.deepEqual(await collect(client.chat([{ text: "one" }, { text: "two" }])), [{ text: "2 messages" }]);
    await mesh.close();
  });

  it("answers UNIMPLEMENTED for the methods it lacks", async () => {
    const mesh = createMesh({ ...ALONE, log: recordedLog().log });
    const address = await meshServer(mesh, {});
    const client = GreeterClient.plain(address);
    assert.equal((await client.sayHello({})).error?.code, status.UNIMPLEMENTED);
    assert.equal((await statusOf(client.sayHelloEverywhere({}))).code, status.UNIMPLEMENTED);
    client.close();
    await mesh.close();
  });

  it("is registered under the name that contracts would give it, or its own", async () => {
    const registered: string[] = [];
    const registration = {
      register: async ({ name }: ServiceInstance) => {
        registered.push(name);
        return { state: "registered" as const, deregister: async () => {} };
      },
    };
    const mesh = createMesh({ ...ALONE, log: recordedLog().log, registration: registration as never });
    const server = mesh.server();
    server.addService(greeterService, {});
    new HealthImplementation({ "": "SERVING" }).addToServer(server);
    await server.start();
    await mesh.server().addService(greeterService, {}, { name: "old-greeter" }).start();
    assert.deepEqual(registered, ["greeter", "old-greeter"]);
    assert.throws(
      () => mesh.server().addService(greeterService, {}, { name: "Old Greeter" }),
      /"Old Greeter", which is not a DNS label/,
    );
    await mesh.close();
  });

  it("may be the health service: it takes the place of the mesh's", async () => {
    const mesh = createMesh({ ...ALONE, log: recordedLog().log });
    const health = new HealthImplementation({ "": "SERVING", kitchen: "NOT_SERVING" });
    const server = mesh.server();
    health.addToServer(server);
    await server.start();
    const channel = mesh.channel(`static:///127.0.0.1:${server.address.port}`);
    const client = healthClient(channel);
    assert.deepEqual(await client.check("kitchen"), { status: "NOT_SERVING" });
    assert.equal((await client.check("cellar").catch((error: { code: number }) => error))["code"], status.NOT_FOUND);
    const watch = client.watch("kitchen");
    const ended = statusOf(watch);
    assert.deepEqual(await once(watch, "data"), [{ status: "NOT_SERVING" }]);
    health.setStatus("kitchen", "SERVING");
    assert.deepEqual(await once(watch, "data"), [{ status: "SERVING" }]);
    watch.cancel();
    assert.equal((await ended).code, status.CANCELLED);
    await mesh.close();
  });
});
