/** What users will try, and what they must get: an error that says what, where and what to do; never a hang. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { createMesh, type MeshOptions } from "@meshwork/sdk";
import { GreeterService, type GreeterServiceHandlers } from "../../services/gen/greeter/v1/greeter.mesh.ts";
import { TranslatorService } from "../../services/gen/translator/v1/translator.mesh.ts";
import { ALONE } from "../support/greeter-mesh.ts";
import { recordedLog } from "../support/logs.ts";
import { collect, failure } from "../support/mesh-error.ts";
import { freePort } from "../support/free-port.ts";

const HANDLERS: GreeterServiceHandlers = {
  sayHello: ({ name }) => ({ message: name }),
  async *sayHelloEverywhere() {},
  greetGroup: async () => ({}),
  async *chat() {},
};

/** A mesh with one greeter, and a client of it. */
async function start(some: Partial<GreeterServiceHandlers> = {}, options: MeshOptions = {}) {
  const { log, lines } = recordedLog();
  const mesh = createMesh({ ...ALONE, log, ...options });
  const server = await mesh
    .server()
    .add(GreeterService, { ...HANDLERS, ...some })
    .start();
  const target = `static:///127.0.0.1:${server.address.port}`;
  return { mesh, server, lines, target, greeter: mesh.client(GreeterService, { target }) };
}

describe("a user who", () => {
  it("takes a port in use is told which, and what to do", async () => {
    const taken: Server = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    const mesh = createMesh({ ...ALONE, log: recordedLog().log });
    const error = await failure(mesh.server({ port }).add(GreeterService, HANDLERS).start());
    assert.match(error.message, new RegExp(`cannot listen on 127.0.0.1:${port}: the port is in use; .*another port`));
    taken.close();
    await mesh.close();
  });

  it("starts a server without Consul is told where Consul was sought, and nothing stays behind", async () => {
    const port = await freePort();
    const { registration: _registration, ...withConsul } = ALONE;
    const consul = { url: `http://127.0.0.1:${port}` };
    const mesh = createMesh({ ...withConsul, log: recordedLog().log, consul });
    const server = mesh.server().add(GreeterService, HANDLERS);
    const error = await failure(server.start());
    assert.equal(error.code, "UNAVAILABLE");
    assert.match(error.message, new RegExp(`127.0.0.1:${port}.*ECONNREFUSED`));
    assert.match(error.message, /CONSUL_HTTP_ADDR/);
    assert.equal(server.ready, false);
    await mesh.close();
  });

  it("calls without Consul learns so at once, not at the deadline", async () => {
    const port = await freePort();
    const mesh = createMesh({ ...ALONE, log: recordedLog().log, consul: { url: `http://127.0.0.1:${port}` } });
    const error = await failure(mesh.client(GreeterService).sayHello({ name: "Ada" }));
    assert.equal(error.code, "UNAVAILABLE");
    assert.match(error.message, new RegExp(`consul:///greeter.*127.0.0.1:${port}`));
    assert.equal(error.attempts, 0);
    await mesh.close();
  });

  it("calls an endpoint where nothing listens learns which and why", async () => {
    const port = await freePort();
    const mesh = createMesh({ ...ALONE, log: recordedLog().log });
    const greeter = mesh.client(GreeterService, { target: `static:///127.0.0.1:${port}` });
    const error = await failure(greeter.sayHello({ name: "Ada" }));
    assert.equal(error.code, "UNAVAILABLE");
    assert.equal(error.endpoint, `127.0.0.1:${port}`);
    assert.match(error.message, /ECONNREFUSED/);
    await mesh.close();
  });

  it("calls a method that the server lacks gets UNIMPLEMENTED with its name", async () => {
    const { mesh, target } = await start();
    const translator = mesh.client(TranslatorService, { target });
    const error = await failure(translator.translate({ phrase: "hello" }));
    assert.equal(error.code, "UNIMPLEMENTED");
    assert.match(error.message, /translator.v1.TranslatorService\/Translate/);
    await mesh.close();
  });

  it("sends a message over the limit gets RESOURCE_EXHAUSTED with the limit, both ways", async () => {
    const limits = { maxReceiveMessageBytes: 1000 };
    const { mesh, greeter } = await start({ sayHello: ({ name }) => ({ message: name.repeat(50) }) }, { limits });
    const upwards = await failure(greeter.sayHello({ name: "x".repeat(2000) }));
    assert.equal(upwards.code, "RESOURCE_EXHAUSTED");
    assert.match(upwards.message, /1000/);
    const downwards = await failure(greeter.sayHello({ name: "x".repeat(100) }));
    assert.equal(downwards.code, "RESOURCE_EXHAUSTED");
    assert.match(downwards.message, /1000/);
    await mesh.close();
  });

  it("writes a malformed address is told what one looks like", () => {
    const mesh = createMesh({ ...ALONE, log: recordedLog().log });
    for (const target of ["static:///nowhere", "static:///a:99999", "http://127.0.0.1:1", "consul:///", "static:///"]) {
      assert.throws(() => mesh.client(GreeterService, { target }), {
        name: "MeshError",
        code: "INVALID_ARGUMENT",
        message: /write for example|write static:\/\/\/|write consul:\/\/\/|write /,
      });
    }
  });

  it("gives options of the wrong type is told all of them", () => {
    const options = {
      service: 7,
      drain: { graceMs: "long" },
      balancing: "best",
      unheard: true,
    } as unknown as MeshOptions;
    assert.throws(
      () => createMesh(options),
      (error: Error) => {
        for (const word of ["service", "drain.graceMs", "balancing", "p2c", "unheard"])
          assert.match(error.message, new RegExp(word));
        return true;
      },
    );
  });

  it("gives a call options of the wrong type is told so", async () => {
    const { mesh, greeter } = await start();
    assert.match((await failure(greeter.sayHello({ name: "Ada" }, { timeoutMs: -1 }))).message, /timeoutMs is -1/);
    assert.match(
      (await failure(greeter.sayHello({ name: "Ada" }, { metadata: { "bad key": "x" } }))).message,
      /bad key/,
    );
    const unknown = await failure(greeter.sayHello({ name: "Ada" }, { deadlineMs: 5 } as object));
    assert.match(unknown.message, /call option deadlineMs is not known: write one of timeoutMs, signal/);
    assert.equal((await failure(greeter.sayHello(undefined as never))).code, "INVALID_ARGUMENT");
    assert.equal((await failure(greeter.greetGroup(7 as never))).code, "INVALID_ARGUMENT");
    await mesh.close();
  });

  it("retries what is not idempotent by configuration is refused with the method", () => {
    const retry = {
      maxAttempts: 2,
      initialBackoffMs: 1,
      maxBackoffMs: 1,
      backoffMultiplier: 1,
      retryableStatusCodes: ["UNAVAILABLE"] as const,
    };
    const mesh = createMesh({
      ...ALONE,
      log: recordedLog().log,
      policies: { "greeter.v1.GreeterService/GreetGroup": { retry } },
    });
    assert.throws(() => mesh.client(GreeterService, { target: "static:///127.0.0.1:1" }), /GreetGroup/);
  });

  it("misspells a method in the configuration is told the right ones", () => {
    const policies = { "greeter.v1.GreeterService/SayHelo": { deadlineMs: 5 } };
    const mesh = createMesh({ ...ALONE, log: recordedLog().log, policies });
    assert.throws(
      () => mesh.client(GreeterService, { target: "static:///127.0.0.1:1" }),
      /policies name greeter.v1.GreeterService\/SayHelo, which .* write one of greeter.v1.GreeterService\/SayHello/,
    );
  });

  it("forgets a handler is told which", () => {
    const mesh = createMesh({ ...ALONE, log: recordedLog().log });
    assert.throws(
      () => mesh.server().add(GreeterService, { sayHello: () => ({}) } as never),
      /lack sayHelloEverywhere, greetGroup, chat/,
    );
  });

  it("has a handler that never returns gets DEADLINE_EXCEEDED on time, and the handler is told", async () => {
    let told: Promise<unknown> | undefined;
    const { mesh, greeter } = await start({
      sayHello: (_request, { signal }) => {
        told = once(signal, "abort");
        return new Promise(() => {});
      },
    });
    const error = await failure(greeter.sayHello({ name: "Ada" }, { timeoutMs: 50 }));
    assert.equal(error.code, "DEADLINE_EXCEEDED");
    assert.match(
      error.reason,
      /no answer within 50 ms, the call's timeoutMs|longer than the \d+ ms its caller had left/,
    );
    assert.ok(error.elapsedMs >= 45 && error.elapsedMs < 1000, `after ${error.elapsedMs} ms`);
    await told;
    await mesh.close();
  });

  it("returns what does not fit the contract gets INTERNAL that says so", async () => {
    const { mesh, greeter } = await start({
      sayHello: () => undefined as never,
      sayHelloEverywhere: () => 7 as never,
    });
    assert.match((await failure(greeter.sayHello({ name: "Ada" }))).message, /INTERNAL.*SayHello gave undefined/);
    assert.match(
      (await failure(collect(greeter.sayHelloEverywhere({ name: "Ada" })))).message,
      /did not return an iterable/,
    );
    await mesh.close();
  });

  it("abandons a stream half-way cancels it: the handler ends and runs its finally", async () => {
    let ended: (() => void) | undefined;
    const finished = new Promise<void>((resolve) => (ended = resolve));
    const { mesh, server, greeter } = await start({
      async *sayHelloEverywhere() {
        try {
          for (let count = 0; ; count++) {
            yield { message: String(count) };
            await new Promise((resolve) => setImmediate(resolve));
          }
        } finally {
          ended?.();
        }
      },
    });
    const seen: string[] = [];
    for await (const { message } of greeter.sayHelloEverywhere({ name: "Ada" })) {
      seen.push(message);
      if (seen.length === 3) break;
    }
    assert.deepEqual(seen, ["0", "1", "2"]);
    await finished;
    assert.equal(server.inFlight, 0);
    await mesh.close();
  });

  it("stops sending half-way has the call cancelled, and the generator runs its finally", async () => {
    let closed = false;
    const { mesh, greeter } = await start({
      greetGroup: async (requests) => {
        const names: string[] = [];
        for await (const { name } of requests) names.push(name);
        return { message: names.join() };
      },
    });
    async function* failing() {
      try {
        yield { name: "Ada" };
        throw new Error("no more names");
      } finally {
        closed = true;
      }
    }
    const error = await failure(greeter.greetGroup(failing()));
    assert.equal(error.code, "CANCELLED");
    assert.match(error.message, /no more names/);
    assert.equal(closed, true);
    await mesh.close();
  });

  it("cancels by a signal gets CANCELLED with the reason, before or during the call", async () => {
    const { mesh, greeter } = await start({ sayHello: () => new Promise(() => {}) });
    const early = await failure(greeter.sayHello({ name: "Ada" }, { signal: AbortSignal.abort(new Error("no need")) }));
    assert.equal(early.code, "CANCELLED");
    assert.equal((early.cause as Error).message, "no need");
    const controller = new AbortController();
    const late = failure(greeter.sayHello({ name: "Ada" }, { signal: controller.signal }));
    controller.abort();
    assert.equal((await late).code, "CANCELLED");
    await mesh.close();
  });

  it("reads slowly holds its sender back instead of filling memory", async () => {
    let sent = 0;
    const { mesh, greeter } = await start({
      async *sayHelloEverywhere() {
        for (; sent < 20_000; sent++) yield { message: "x".repeat(1024) };
      },
    });
    const stream = greeter.sayHelloEverywhere({ name: "Ada" })[Symbol.asyncIterator]();
    await stream.next();
    // The sender stops by itself: it makes no progress over many turns of the loop.
    let before = -1;
    for (let calm = 0; calm < 20;) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      calm = sent === before ? calm + 1 : 0;
      before = sent;
    }
    assert.ok(sent < 15_000, `${sent} messages of 1 KiB were taken from the handler`);
    await stream.return?.();
    await mesh.close();
  });

  it("sends fast is held back too: requests are pulled as they leave, not as fast as they are made", async () => {
    const { mesh, greeter } = await start({
      greetGroup: async (requests) => {
        for await (const _one of requests) return { message: "enough" };
        return {};
      },
    });
    let pulled = 0;
    function* eager() {
      for (; pulled < 200_000; pulled++) yield { name: "x" };
    }
    assert.equal((await greeter.greetGroup(eager())).message, "enough");
    assert.ok(pulled < 20_000, `${pulled} requests were pulled`);
    await mesh.close();
  });

  it("closes a mesh while it reads an endless stream has it ended, and the process may end", async () => {
    const { mesh, target } = await start({
      async *sayHelloEverywhere(_request, { signal }) {
        yield { message: "one" };
        await once(signal, "abort");
      },
    });
    const own = createMesh({ ...ALONE, log: recordedLog().log });
    const stream = own.client(GreeterService, { target }).sayHelloEverywhere({}, { timeoutMs: 60_000 });
    const messages = stream[Symbol.asyncIterator]();
    assert.equal(((await messages.next()).value as { message: string }).message, "one");
    const next = failure(messages.next());
    await own.close();
    assert.match((await next).message, /CANCELLED: client of static:.* was closed during the call/);
    await mesh.close();
  });

  it("makes a call without a deadline as the first thing in a process gets its answer", async () => {
    const { mesh, server } = await start({
      async *chat(requests) {
        for await (const { text } of requests) yield { text: `${text}!` };
      },
    });
    const script = `
      import { createMesh } from "@meshwork/sdk";
      import { GreeterService } from ${JSON.stringify(new URL("../../services/gen/greeter/v1/greeter.mesh.ts", import.meta.url).href)};
      const mesh = createMesh({ registration: false, admin: false });
      const greeter = mesh.client(GreeterService, { target: "static:///127.0.0.1:${server.address.port}" });
      for await (const { text } of greeter.chat([{ text: "hi" }])) console.log(text);
      await mesh.close();`;
    const node = ["--conditions=meshwork-source", "--import", "tsx", "--input-type=module", "-e", script];
    const child = spawn(process.execPath, node, { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (chunk) => (said += String(chunk)));
    const [code] = (await once(child, "close")) as [number | null];
    assert.deepEqual([said, code], ["hi!\n", 0]);
    await mesh.close();
  });

  it("uses a client after close is told so, whatever kind the call is", async () => {
    const { mesh, greeter } = await start();
    await mesh.close();
    assert.match(
      (await failure(greeter.sayHello({ name: "Ada" }))).message,
      /is closed: make calls before mesh.close\(\)/,
    );
    assert.equal((await failure(collect(greeter.sayHelloEverywhere({})))).code, "FAILED_PRECONDITION");
    assert.equal((await failure(greeter.greetGroup([]))).code, "FAILED_PRECONDITION");
    assert.throws(() => mesh.client(GreeterService, { target: "static:///127.0.0.1:1" }), /is closed/);
    assert.throws(() => mesh.server(), /is closed/);
  });

  it("closes a mesh with calls under way lets them finish", async () => {
    let answer: ((message: { message: string }) => void) | undefined;
    let arrived: (() => void) | undefined;
    const handling = new Promise<void>((resolve) => (arrived = resolve));
    const server = await start({
      sayHello: () => {
        arrived?.();
        return new Promise((resolve) => (answer = resolve));
      },
    });
    const client = createMesh({ ...ALONE, log: recordedLog().log });
    const call = client.client(GreeterService, { target: server.target }).sayHello({ name: "Ada" });
    await handling;
    const closing = server.mesh.close();
    answer?.({ message: "in time" });
    assert.equal((await call).message, "in time");
    await closing;
    await client.close();
  });
});
