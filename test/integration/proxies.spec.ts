/** Calls through nginx and HAProxy: how gRPC servers are put before the world. */
import assert from "node:assert/strict";
import { createMesh } from "@meshwork/sdk";
import { GreeterService } from "../../services/gen/greeter/v1/greeter.mesh.ts";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { grpcJsTransport } from "../../sdk/src/transport/grpc-js/grpc-js-transport.ts";
import { nativeTransport } from "../../sdk/src/transport/native/native-transport.ts";
import { DEFAULT_LIMITS, type Listener, type Transport } from "../../sdk/src/transport/transport.ts";
import { ALONE, startGreeterMesh } from "../support/greeter-mesh.ts";
import { carriesCalls } from "../support/lab-calls.ts";
import { LabService } from "../support/lab-service.ts";
import { recordedLog } from "../support/logs.ts";
import { collect, failure } from "../support/mesh-error.ts";
import { notRun } from "../support/not-run.ts";
import { findProgram } from "../support/program.ts";
import { HAPROXY, NGINX, type Proxy, type ProxyKind, startProxy } from "../support/proxies.ts";
import { Connected } from "../support/transport-lab.ts";

const LONG_BYTES = 1024 * 1024;

interface Sides {
  readonly title: string;
  readonly client: () => Transport;
  readonly server: () => Transport;
  readonly native: boolean;
}

const SIDES: readonly Sides[] = [
  { title: "the native transport at both ends", client: nativeTransport, server: nativeTransport, native: true },
  { title: "a grpc-js client and a native server", client: grpcJsTransport, server: nativeTransport, native: false },
  { title: "a native client and a grpc-js server", client: nativeTransport, server: grpcJsTransport, native: false },
];

for (const kind of [NGINX, HAPROXY]) {
  describe(`${kind.name} between a client and a server`, () => {
    const path = findProgram(kind.name);
    if (path === undefined) {
      it("is not run", () =>
        notRun(`what ${kind.name} does between client and server`, kind.name, `install ${kind.package}`));
      return;
    }
    for (const sides of SIDES) describe(`carries calls of ${sides.title}:`, () => behind(kind, path, sides));
    describe("carries calls of a mesh on the native transport:", () => meshBehind(kind, path));
  });
}

function behind(kind: ProxyKind, path: string, sides: Sides): void {
  const service = new LabService();
  let listener: Listener;
  let proxy: Proxy;
  let client: Connected;
  before(async () => {
    const options = { address: { host: "127.0.0.1", port: 0 }, limits: DEFAULT_LIMITS, clock: systemClock };
    listener = await sides.server().listen(options, service.dispatch);
    proxy = await startProxy(kind, path, listener.address.port);
    client = new Connected(sides.client(), { host: "127.0.0.1", port: proxy.port }, systemClock);
    await client.reached("ready");
  });
  after(async () => {
    client?.connection.close();
    await proxy?.close();
    await listener?.drain(0);
  });

  carriesCalls(() => client, { longBytes: LONG_BYTES, countsCompressed: sides.native });

  it("many one after the other", async () => {
    for (let call = 0; call < 300; call++) assert.equal((await client.unary("Echo")).status, 0);
  });

  it("after its server was stopped and another took its place", async () => {
    const { address } = listener;
    await listener.drain(1_000);
    listener = await sides.server().listen({ address, limits: DEFAULT_LIMITS, clock: systemClock }, service.dispatch);
    for (let call = 0; call < 10; call++) {
      const { status, reason } = await client.unary("Echo");
      assert.equal(status, 0, reason);
    }
  });
}

function meshBehind(kind: ProxyKind, path: string): void {
  it("all four kinds, errors with details and deadlines", async () => {
    const transport = nativeTransport();
    const running = await startGreeterMesh({ transport });
    const proxy = await startProxy(kind, path, Number(running.greeterAddress.split(":")[1]));
    const mesh = createMesh({ ...ALONE, transport, log: recordedLog().log });
    try {
      const greeter = mesh.client(GreeterService, { target: `static:///127.0.0.1:${proxy.port}` });
      assert.equal((await greeter.sayHello({ name: "Ada", language: "fr" })).message, "Bonjour, Ada!");
      assert.equal((await collect(greeter.sayHelloEverywhere({ name: "Ada" }))).length, 5);
      assert.equal((await greeter.greetGroup([{ name: "Ada" }, { name: "Grace" }])).count, 2);
      const chat = await collect(greeter.chat([{ text: "hi" }, { text: "good bye" }]));
      assert.deepEqual(
        chat.map(({ text }) => text),
        ["Hello", "Goodbye"],
      );
      const error = await failure(greeter.sayHello({ name: "Ada", language: "xx" }));
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.ok(error.details.length > 0);
    } finally {
      await mesh.close();
      await proxy.close();
      await running.mesh.close();
    }
  });
}
