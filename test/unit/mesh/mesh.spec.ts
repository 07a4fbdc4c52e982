import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { createMesh, type MeshOptions } from "@meshwork/sdk";
import { Registry } from "prom-client";
import { GreeterService, type GreeterServiceHandlers } from "../../../services/gen/greeter/v1/greeter.mesh.ts";
import { ALONE } from "../../support/greeter-mesh.ts";
import { recordedLog } from "../../support/logs.ts";
import { failure } from "../../support/mesh-error.ts";

const MIB = 1024 * 1024;

const HANDLERS: GreeterServiceHandlers = {
  sayHello: ({ name }) => ({ message: String(name.length) }),
  async *sayHelloEverywhere() {},
  greetGroup: async () => ({}),
  async *chat() {},
};

describe("a mesh", () => {
  it("keeps the default bound of a message that its options leave undefined", async () => {
    const limits = { maxReceiveMessageBytes: undefined } as unknown as NonNullable<MeshOptions["limits"]>;
    const mesh = createMesh({ ...ALONE, log: recordedLog().log, limits });
    const server = await mesh.server().add(GreeterService, HANDLERS).start();
    const greeter = mesh.client(GreeterService, { target: `static:///127.0.0.1:${server.address.port}` });
    assert.equal((await greeter.sayHello({ name: "x".repeat(3 * MIB) })).message, String(3 * MIB));
    assert.equal((await failure(greeter.sayHello({ name: "x".repeat(5 * MIB) }))).code, "RESOURCE_EXHAUSTED");
    await mesh.close();
  });

  it("opens its admin port again when it could not at first, and not once it is closed", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const mesh = createMesh({ ...ALONE, log: recordedLog().log, admin: { port } });
    await assert.rejects(mesh.admin(), new RegExp(String(port)));
    taken.close();
    await once(taken, "close");
    assert.deepEqual(await mesh.admin(), { host: "127.0.0.1", port });
    await mesh.close();
    const never = createMesh({ ...ALONE, log: recordedLog().log, admin: { port: 0 } });
    await never.close();
    assert.equal((await failure(never.admin())).code, "FAILED_PRECONDITION");
  });

  it("leaves nothing in the user's registry when it cannot be made", () => {
    const registry = new Registry();
    process.env["MESH_ADMIN_PORT"] = "high";
    try {
      assert.throws(() => createMesh({ ...ALONE, registry }), /MESH_ADMIN_PORT is "high"/);
    } finally {
      delete process.env["MESH_ADMIN_PORT"];
    }
    assert.deepEqual(registry.getMetricsAsArray(), []);
  });

  it("lets a client hedge where the mesh's configuration retries", async () => {
    const retry = { maxAttempts: 2, initialBackoffMs: 1, maxBackoffMs: 1, backoffMultiplier: 1 };
    const policies = {
      "greeter.v1.GreeterService/SayHello": { retry: { ...retry, retryableStatusCodes: ["UNAVAILABLE"] } },
    } as const;
    const mesh = createMesh({ ...ALONE, log: recordedLog().log, policies });
    const hedging = { maxAttempts: 2, delayMs: 5, nonFatalStatusCodes: [] };
    const sayHelloAlone = { ...GreeterService, methods: { sayHello: GreeterService.methods["sayHello"]! } };
    assert.doesNotThrow(() => mesh.client(sayHelloAlone, { target: "static:///127.0.0.1:1", policy: { hedging } }));
    await mesh.close();
  });

  it("closes once, however often it is asked to, and its unstarted servers with it", async () => {
    const mesh = createMesh({ ...ALONE, log: recordedLog().log });
    const server = mesh.server().add(GreeterService, HANDLERS);
    await Promise.all([mesh.close(), mesh.close(), mesh[Symbol.asyncDispose]()]);
    assert.equal((await failure(server.start())).code, "FAILED_PRECONDITION");
  });
});
