/** Handlers written for grpc-js behind the dispatcher: what their callbacks and streams become. */
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  Metadata as GrpcMetadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition as GrpcService,
  status,
} from "@grpc/grpc-js";
import { currentContext } from "../../../sdk/src/call/call-context.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { adaptService } from "../../../sdk/src/server/grpc-js-service.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { collect, failure } from "../../support/mesh-error.ts";
import { type Handlers, ServerLab } from "../../support/server-lab.ts";

type Callback = (error: unknown, value?: unknown, trailers?: GrpcMetadata) => void;
type Unary = ServerUnaryCall<string, string>;
type Writable = ServerWritableStream<string, string>;
type Readable = ServerReadableStream<string, string>;
type Duplex = ServerDuplexStream<string, string>;

const text = (value: unknown): Buffer => {
  if (typeof value !== "string") throw new TypeError(`${String(value)} is no text`);
  return Buffer.from(value);
};
const read = (bytes: Buffer): string => bytes.toString();

function grpcMethod(name: string, requestStream: boolean, responseStream: boolean) {
  const path = `/lab.v1.LabService/${name}`;
  const codecs = {
    requestSerialize: text,
    requestDeserialize: read,
    responseSerialize: text,
    responseDeserialize: read,
  };
  return { path, requestStream, responseStream, ...codecs, originalName: name.toLowerCase() };
}

const LAB: GrpcService = {
  Ask: grpcMethod("Ask", false, false),
  List: grpcMethod("List", false, true),
  Gather: grpcMethod("Gather", true, false),
  Chat: grpcMethod("Chat", true, true),
};

interface Implementation {
  readonly [name: string]: (call: never, callback: never) => unknown;
}

async function serve(implementation: Implementation): Promise<ServerLab> {
  const lab: { clock?: VirtualClock } = {};
  // The lab makes its clock, and adapted handlers want it beforehand: both begin at the same time.
  const clock = {
    now: () => lab.clock?.now() ?? 0,
    wallTime: () => lab.clock?.wallTime() ?? 0,
    setTimer: () => ({ cancel: () => {} }),
    setBackgroundTimer: () => ({ cancel: () => {} }),
  };
  const { handlers } = adaptService(LAB, implementation as never, clock);
  const { ask, list, gather, chat } = handlers;
  const server = await ServerLab.with({ Ask: ask, List: list, Gather: gather, Chat: chat } as Handlers);
  lab.clock = server.clock;
  return server;
}

describe("a service written for grpc-js", () => {
  it("becomes a definition with names, kinds and codecs", () => {
    const { definition } = adaptService(LAB, {}, new VirtualClock());
    assert.equal(definition.typeName, "lab.v1.LabService");
    assert.equal(definition.meshName, "lab");
    const kinds = Object.entries(definition.methods).map(([key, { name, kind }]) => [key, name, kind]);
    assert.deepEqual(kinds, [
      ["ask", "Ask", "unary"],
      ["list", "List", "serverStreaming"],
      ["gather", "Gather", "clientStreaming"],
      ["chat", "Chat", "bidiStreaming"],
    ]);
    const { input } = definition.methods["ask"] ?? assert.fail("no method ask");
    assert.equal(input.decode(input.encode("Ada").finish()), "Ada");
  });

  it("is refused with the reason when it is none", () => {
    const clock = new VirtualClock();
    assert.throws(
      () => adaptService(undefined as never, {}, clock),
      /was given undefined: give it a service definition/,
    );
    assert.throws(() => adaptService({}, {}, clock), /a service without methods/);
    assert.throws(() => adaptService(LAB, "ask" as never, clock), /was given string: give it an implementation/);
    assert.throws(() => adaptService(LAB, { ask: 3 } as never, clock), /\/Ask is number: give a function/);
    const crooked = { Ask: { ...grpcMethod("Ask", false, false), path: "Ask" } };
    assert.throws(() => adaptService(crooked, {}, clock), /path "Ask": it must be "\/package.Service\/Method"/);
    assert.throws(() => adaptService(LAB, {}, clock, { name: "Lab!" }), /cannot be registered as "Lab!"/);
  });

  it("may name its handlers as grpc-js does or as people do, and keeps their object", async () => {
    class Lab {
      readonly greeting = "hello";
      ask(_call: Unary, callback: Callback): void {
        callback(null, this.greeting);
      }
    }
    const byClass = await serve(new Lab() as never);
    assert.equal(await byClass.ask("who?"), "hello");
    const byProtoName = await serve({ Ask: (_call: Unary, callback: Callback) => callback(null, "hi") });
    assert.equal(await byProtoName.ask("who?"), "hi");
    const missing = await serve({});
    assert.equal((await failure(missing.ask("who?"))).code, "UNIMPLEMENTED");
    assert.equal((await failure(collect(missing.open("Chat", []).responses))).code, "UNIMPLEMENTED");
  });
});

describe("a unary handler of grpc-js", () => {
  it("is given the call as grpc-js gives it, in the context of the call", async () => {
    const seen: unknown[] = [];
    const lab = await serve({
      ask: (call: Unary, callback: Callback) => {
        const left = Number(call.getDeadline()) - lab.clock.wallTime();
        seen.push(call.request, call.getPath(), call.metadata.get("x-tenant"), call.cancelled, left, call.getHost());
        seen.push(currentContext()?.deadline !== undefined, call.getPeer() !== "", call.getAuthContext());
        call.getMetricsRecorder().recordQpsMetric(3);
        callback(null, "done");
      },
    });
    await lab.ask("who?", { timeoutMs: 100, metadata: { "x-tenant": "acme" } });
    assert.deepEqual(seen, ["who?", "/lab.v1.LabService/Ask", ["acme"], false, 100, "", true, true, {}]);
    lab.client.assertQuiet();
  });

  it("may send its headers before it answers, and trailers with the answer", async () => {
    let answer: Callback | undefined;
    const lab = await serve({
      ask: (call: Unary, callback: Callback) => {
        const headers = new GrpcMetadata();
        headers.set("x-early", "yes");
        // Whoever passes on what he was sent passes on what is not his to send.
        headers.set("te", "trailers");
        call.sendMetadata(headers);
        answer = callback;
      },
    });
    const heard: (string | undefined)[] = [];
    const asked = lab.ask("who?", {
      onHeaders: (headers) => heard.push(headers.get("x-early"), headers.get("te")),
      onTrailers: (trailers) => heard.push(trailers.get("x-late")),
    });
    await lab.settle();
    assert.deepEqual(heard, ["yes", undefined]);
    const trailers = new GrpcMetadata();
    trailers.set("x-late", "too");
    answer?.(null, "done", trailers);
    answer?.(new Error("a second answer is no answer"));
    assert.equal(await asked, "done");
    assert.deepEqual(heard, ["yes", undefined, "too"]);
  });

  it("fails with what it gives its callback", async () => {
    const metadata = new GrpcMetadata();
    metadata.set("why", "empty");
    const cases: readonly (readonly [unknown, string, string])[] = [
      [{ code: status.NOT_FOUND, details: "nobody" }, "NOT_FOUND", "nobody"],
      [Object.assign(new Error("no"), { code: status.ABORTED }), "ABORTED", "no"],
      [new Error("no code"), "UNKNOWN", "no code"],
      [Object.assign(new Error("no file"), { code: "ENOENT" }), "UNKNOWN", "no file"],
      [{ code: 99, details: "what?" }, "UNKNOWN", "what?"],
      [{ code: status.OK, message: "failed well" }, "UNKNOWN", "failed well"],
      [new MeshError("DATA_LOSS", "disk is gone"), "DATA_LOSS", "disk is gone"],
    ];
    for (const [given, code, reason] of cases) {
      const lab = await serve({ ask: (_call: Unary, callback: Callback) => callback(given, undefined, metadata) });
      const error = await failure(lab.ask("who?"));
      assert.deepEqual([error.code, error.reason], [code, reason]);
      if (!(given instanceof MeshError)) assert.equal(error.metadata?.get("why"), "empty");
    }
  });

  it("that throws or rejects has failed: with its status, or with nothing of its text", async () => {
    const refused = Object.assign(new Error("refused"), { code: status.PERMISSION_DENIED, details: "not you" });
    const cases: readonly (readonly [unknown, string, RegExp])[] = [
      [new Error("a secret"), "INTERNAL", /trace_id/],
      ["a secret", "INTERNAL", /trace_id/],
      [refused, "PERMISSION_DENIED", /^not you$/],
    ];
    for (const [thrown, code, reason] of cases) {
      const fail = (): never => {
        throw thrown;
      };
      for (const ask of [fail, async () => fail()]) {
        const lab = await serve({ ask });
        const error = await failure(lab.ask("who?"));
        assert.equal(error.code, code);
        assert.match(error.reason, reason);
        if (code === "INTERNAL") assert.match(String(lab.records[0]?.thrown), /a secret/);
      }
    }
  });

  it("hears that its call was cancelled, in the context of the call", async () => {
    let told: readonly unknown[] = [];
    const lab = await serve({
      ask: (call: Unary) =>
        void call.once("cancelled", () => (told = [call.cancelled, currentContext()?.deadline !== undefined])),
    });
    const asked = failure(lab.ask("who?", { timeoutMs: 50 }));
    await lab.settle();
    await lab.clock.advanceAsync(50);
    assert.equal((await asked).code, "DEADLINE_EXCEEDED");
    await lab.settle();
    assert.deepEqual(told, [true, true]);
    lab.client.assertQuiet();
  });
});

describe("a streaming handler of grpc-js", () => {
  it("has its responses sent before its error, and the error's trailers", async () => {
    const metadata = new GrpcMetadata();
    metadata.set("why", "empty");
    const lab = await serve({
      list: (call: Writable) => {
        call.write("one");
        call.write("two");
        call.emit("error", { code: status.OUT_OF_RANGE, details: "no more", metadata });
      },
    });
    const { responses } = lab.open("List", ["go"]);
    assert.equal((await responses.next()).value, "one");
    assert.equal((await responses.next()).value, "two");
    const error = await failure(responses.next());
    assert.deepEqual([error.code, error.reason, error.metadata?.get("why")], ["OUT_OF_RANGE", "no more", "empty"]);
    lab.client.assertQuiet();
  });

  it("fails at once when it throws, and when it destroys its stream", async () => {
    const cases: readonly (readonly [(call: Writable) => unknown, string])[] = [
      [() => Promise.reject(new Error("a secret")), "INTERNAL"],
      [(call) => call.destroy(), "INTERNAL"],
      [(call) => call.destroy(Object.assign(new Error("no"), { code: status.ABORTED })), "ABORTED"],
    ];
    for (const [list, code] of cases) {
      const lab = await serve({ list });
      assert.equal((await failure(collect(lab.open("List", ["go"]).responses))).code, code);
      lab.client.assertQuiet();
    }
  });

  it("is held back by a reader that is slow", async () => {
    let written = 0;
    let drained = 0;
    const lab = await serve({
      list: (call: Writable) => {
        const pour = (): void => {
          while (written < 1_000) {
            written++;
            if (!call.write(`message ${written}`)) return;
          }
          call.end();
        };
        call.on("drain", () => {
          drained++;
          pour();
        });
        pour();
      },
    });
    const { responses } = lab.open("List", ["go"]);
    await responses.next();
    await lab.settle();
    assert.ok(written < 100, `${written} messages were written`);
    assert.equal((await collect(responses)).length, 999);
    assert.ok(drained > 10);
    lab.client.assertQuiet();
  });

  it("holds its caller back when it does not read", async () => {
    let pulled = 0;
    function* endless() {
      for (;;) yield `request ${pulled++}`;
    }
    let call: Readable | undefined;
    const lab = await serve({ gather: (stream: Readable) => void (call = stream) });
    const gathering = lab.open("Gather", endless());
    await lab.settle();
    const before = pulled;
    assert.ok(before < 100, `${before} requests were pulled`);
    for (let taken = 0; taken < 50; taken++) {
      if (call?.read() === null) await once(call, "readable");
    }
    await lab.settle();
    assert.ok(pulled > before);
    await gathering.responses.return();
    await lab.settle();
    assert.equal(call?.destroyed, true);
    lab.client.assertQuiet();
  });

  it("ends with the trailers it is given, when it has read everything or nothing", async () => {
    const lab = await serve({
      chat: (call: Duplex) => {
        const trailers = new GrpcMetadata();
        trailers.set("x-late", "too");
        call.write("hello");
        call.end(trailers);
      },
      gather: (_call: Readable, callback: Callback) => callback(null, "not interested"),
    });
    let late: string | undefined;
    const chat = lab.open("Chat", ["one", "two"], { onTrailers: (trailers) => (late = trailers.get("x-late")) });
    assert.deepEqual(await collect(chat.responses), ["hello"]);
    assert.equal(late, "too");
    assert.deepEqual(await collect(lab.open("Gather", ["one"]).responses), ["not interested"]);
    lab.client.assertQuiet();
  });

  it("may loop over its requests and answer afterwards", async () => {
    const lab = await serve({
      chat: async (call: Duplex) => {
        const all: unknown[] = [];
        for await (const one of call) all.push(one);
        call.write(all.join(" "));
        call.end();
      },
      gather: async (call: Readable, callback: Callback) => {
        const all: unknown[] = [];
        for await (const one of call) all.push(one);
        callback(null, all.join(" "));
      },
    });
    assert.deepEqual(await collect(lab.open("Chat", ["one", "two"]).responses), ["one two"]);
    assert.deepEqual(await collect(lab.open("Gather", ["one", "two"]).responses), ["one two"]);
    lab.client.assertQuiet();
  });

  it("hears that its caller has left, and may still write", async () => {
    let call: Duplex | undefined;
    let told = false;
    const lab = await serve({
      chat: (stream: Duplex) => {
        call = stream;
        stream.on("cancelled", () => {
          told = true;
          stream.write("to nobody");
          stream.end();
        });
        stream.write("one");
      },
    });
    const { responses } = lab.open("Chat", ["go"]);
    await responses.next();
    await responses.return();
    await lab.settle();
    assert.deepEqual([told, call?.cancelled, call?.destroyed], [true, true, true]);
    lab.client.assertQuiet();
  });
});
