/** A server's life: what it refuses, in which order it comes and goes, and what is left when that fails. */
import assert from "node:assert/strict";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import type { ServerObserver } from "../../../sdk/src/call/observer.ts";
import { STATUS_NUMBERS } from "../../../sdk/src/call/status.ts";
import type { ServiceDefinition } from "../../../sdk/src/contract/definition.ts";
import type { Registration, ServiceInstance } from "../../../sdk/src/discovery/registration.ts";
import { MeshServer, type MeshServerOptions } from "../../../sdk/src/server/mesh-server.ts";
import { inMemoryTransport } from "../../../sdk/src/testing/in-memory-transport.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { DEFAULT_LIMITS } from "../../../sdk/src/transport/transport.ts";
import { textMethod } from "../../support/call-lab.ts";
import { recordedLog } from "../../support/logs.ts";
import { failure } from "../../support/mesh-error.ts";
import { Connected } from "../../support/transport-lab.ts";

const ADDRESS = { host: "a", port: 1 };

function service(typeName: string): ServiceDefinition<unknown, object> {
  return { typeName, meshName: typeName.toLowerCase(), methods: { ask: textMethod("Ask") } };
}

/** A registry that writes down what happens and fails where the test says. */
class Registry implements Registration {
  readonly events: string[] = [];
  failAt: string | undefined;
  failDeregister = false;

  async register({ name, id, address }: ServiceInstance) {
    if (name === this.failAt) throw new MeshError("UNAVAILABLE", `registry refuses ${name}`);
    this.events.push(`register ${name} ${id} ${address.host}`);
    return {
      deregister: async () => {
        this.events.push(`deregister ${name}`);
        if (this.failDeregister) throw new Error("registry is gone");
      },
    };
  }
}

function lab(changes: Partial<MeshServerOptions> = {}) {
  const clock = new VirtualClock();
  const transport = inMemoryTransport({ clock });
  const registry = new Registry();
  const { log, lines } = recordedLog();
  const server = new MeshServer({
    address: ADDRESS,
    advertiseHost: async () => "outer",
    limits: DEFAULT_LIMITS,
    transport,
    clock,
    log,
    observers: [],
    interceptors: [],
    registration: registry,
    prepare: async () => ({}),
    describe: ({ meshName }, address, metadata) => ({
      name: meshName,
      id: `${meshName}-1`,
      address,
      weight: 1,
      tags: [],
      metadata,
    }),
    propagationMs: 500,
    graceMs: 2_000,
    ...changes,
  });
  const handlers = { ask: (text: string) => text };
  return { server, clock, transport, registry, lines, handlers };
}

describe("a server", () => {
  it("refuses services without their handlers, twice, none, or too late", async () => {
    const { server, handlers } = lab();
    assert.throws(() => server.add(service("Lab"), {}), {
      code: "INVALID_ARGUMENT",
      message: /handlers of Lab lack ask/,
    });
    assert.throws(() => server.add(service("Lab"), { asks: () => "" }), /lack ask, and it has no method asks/);
    assert.throws(() => server.add(service("Lab"), undefined as never), /handlers of Lab are undefined/);
    assert.match((await failure(server.start())).message, /has no services: add\(\) one/);
    server.add(service("Lab"), handlers);
    assert.throws(() => server.add(service("Lab"), handlers), /Lab was added twice/);
    const starting = server.start();
    assert.throws(() => server.add(service("Late"), handlers), /Late was added after start\(\)/);
    await starting;
    assert.equal((await failure(server.start())).code, "FAILED_PRECONDITION");
  });

  it("binds handlers to their object, so that classes work, and takes nothing from Object for a handler", async () => {
    class Handlers {
      readonly greeting = "hello";
      ask(text: string): string {
        return `${this.greeting} ${text}`;
      }
    }
    const { server, transport, clock } = lab({ registration: undefined });
    await server.add(service("Lab"), new Handlers()).start();
    const client = await new Connected(transport, ADDRESS, clock).reached("ready");
    assert.equal(Buffer.from((await client.unary("Ask")).body ?? []).toString(), "hello hi");
    const odd = { ...service("Odd"), methods: { toString: textMethod("Ask") } };
    assert.throws(() => lab().server.add(odd, {}), /lack toString/);
  });

  it("listens and is healthy before it registers, and is ready after", async () => {
    const { server, registry, clock, transport, handlers } = lab();
    assert.throws(() => server.address, { code: "FAILED_PRECONDITION" });
    server.add(service("One"), handlers).add(service("Two"), handlers);
    assert.equal(server.ready, false);
    await server.start();
    assert.deepEqual(registry.events, ["register one one-1 outer", "register two two-1 outer"]);
    assert.equal(server.ready, true);
    assert.deepEqual(server.address, ADDRESS);
    const client = await new Connected(transport, ADDRESS, clock).reached("ready");
    assert.equal((await client.unary("Ask")).status, 0);
  });

  it("leaves in order: deregistered, unhealthy, time to hear of it, calls under way finished", async () => {
    let answer: ((text: string) => void) | undefined;
    const { server, registry, clock, transport } = lab();
    const handlers = { ask: () => new Promise<string>((resolve) => (answer = resolve)) };
    await server.add(service("Lab"), handlers).start();
    const client = await new Connected(transport, ADDRESS, clock).reached("ready");
    const call = client.unary("Ask");
    await clock.advanceAsync(0);
    assert.equal(server.inFlight, 1);
    let stopped = 0;
    const stops = [server.stop(), server.stop()].map((stop) => stop.then(() => stopped++));
    await clock.advanceAsync(0);
    assert.deepEqual(registry.events.slice(1), ["deregister lab"]);
    assert.equal(server.ready, false);
    await clock.advanceAsync(499);
    assert.equal(client.connection.state, "ready");
    await clock.advanceAsync(1);
    assert.equal(client.connection.state, "failed");
    assert.equal(stopped, 0);
    answer?.("done");
    assert.equal((await call).status, 0);
    await Promise.all(stops);
    assert.equal(server.inFlight, 0);
    assert.equal(clock.pending, 0);
    assert.equal(transport.openCalls, 0);
  });

  it("ends calls that outlive the grace, and their handlers are told", async () => {
    let told: string | undefined;
    const { server, clock, transport } = lab({ registration: undefined });
    const handlers = {
      ask: (_text: string, { signal }: { signal: AbortSignal }) => {
        signal.addEventListener("abort", () => (told = (signal.reason as MeshError).code));
        return new Promise(() => {});
      },
    };
    await server.add(service("Lab"), handlers).start();
    const client = await new Connected(transport, ADDRESS, clock).reached("ready");
    const call = client.unary("Ask");
    await clock.advanceAsync(0);
    const stopping = server.stop();
    await clock.advanceAsync(2_000);
    await stopping;
    assert.equal(told, "UNAVAILABLE");
    assert.match((await call).reason, /server stopped/);
    assert.equal(server.inFlight, 0);
    assert.equal(clock.pending, 0);
  });

  it("that cannot register takes back what it had registered and listens no longer", async () => {
    const { server, registry, clock, transport, handlers } = lab();
    registry.failAt = "two";
    server.add(service("One"), handlers).add(service("Two"), handlers);
    const starting = failure(server.start());
    await clock.advanceAsync(0);
    assert.deepEqual(registry.events, ["register one one-1 outer", "deregister one"]);
    let stopped = false;
    const stopping = server.stop().then(() => (stopped = true));
    await clock.advanceAsync(499);
    assert.equal(stopped, false);
    await clock.advanceAsync(1);
    assert.equal((await starting).reason, "registry refuses two");
    await stopping;
    await new Connected(transport, ADDRESS, clock).reached("failed");
    assert.equal((await failure(server.start())).code, "FAILED_PRECONDITION");
  });

  it("stops although it cannot deregister, and logs it", async () => {
    const { server, registry, clock, lines, handlers } = lab();
    registry.failDeregister = true;
    await server.add(service("Lab"), handlers).start();
    const stopping = server.stop();
    await clock.advanceAsync(500);
    await stopping;
    assert.equal(lines.find(({ level }) => level === "warn")?.msg, "instance could not be deregistered");
  });

  it("that is stopped while it starts leaves once it has started", async () => {
    const { server, registry, clock, handlers } = lab();
    const starting = server.add(service("Lab"), handlers).start();
    const stopping = server.stop();
    await starting;
    await clock.advanceAsync(500);
    await stopping;
    assert.deepEqual(registry.events, ["register lab lab-1 outer", "deregister lab"]);
    assert.equal(server.ready, false);
  });

  it("counts calls of methods that it lacks as of one, and tells their callers the path", async () => {
    const seen: string[] = [];
    const observer: ServerObserver = (method) => ({
      callStarted: () => void seen.push(`${method.path} started`),
      callEnded: ({ code, reason }) => void seen.push(`${code}: ${reason}`),
    });
    const { server, transport, clock, handlers } = lab({ observers: [observer] });
    await server.add(service("Lab"), handlers).start();
    const client = await new Connected(transport, ADDRESS, clock).reached("ready");
    const ended = await client.unary("Missing");
    const reason = "server does not implement the method /lab.v1.LabService/Missing";
    assert.deepEqual([ended.status, ended.reason], [STATUS_NUMBERS.UNIMPLEMENTED, reason]);
    assert.equal((await client.stream("Missing").ended).reason, reason);
    assert.deepEqual(seen.slice(0, 2), ["/other started", `UNIMPLEMENTED: ${reason}`]);
    assert.equal(seen.length, 4);
    assert.equal(server.inFlight, 0);
    assert.equal(transport.openCalls, 0);
  });

  it("that could not listen may be started again", async () => {
    const { server, transport, clock, handlers } = lab({ registration: undefined });
    const taken = await transport.listen({ address: ADDRESS, limits: DEFAULT_LIMITS, clock }, new Map());
    server.add(service("Lab"), handlers);
    assert.match((await failure(server.start())).message, /port is in use/);
    await taken.drain(0);
    await server.start();
    assert.equal(server.ready, true);
  });

  it("that fails before it could listen may be started again too", async () => {
    let faulty = true;
    const { server, handlers } = lab({
      registration: undefined,
      interceptors: [
        (next) => {
          if (faulty) throw new MeshError("INVALID_ARGUMENT", "interceptor is not configured");
          return next;
        },
      ],
    });
    server.add(service("Lab"), handlers);
    assert.equal((await failure(server.start())).reason, "interceptor is not configured");
    faulty = false;
    await server.start();
    assert.equal(server.ready, true);
  });

  it("that was never started stops at once, and stays so", async () => {
    const { server, handlers } = lab();
    server.add(service("Lab"), handlers);
    await server.stop();
    assert.equal((await failure(server.start())).code, "FAILED_PRECONDITION");
  });
});
