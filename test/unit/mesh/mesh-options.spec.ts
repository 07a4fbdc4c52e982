import assert from "node:assert/strict";
import {
  checkClientOptions,
  checkMeshOptions,
  completeServerOptions,
  defaultInstance,
  type MeshOptions,
  portFromEnv,
} from "../../../sdk/src/mesh-options.ts";

/** What a JavaScript user may write. */
function wrong(options: unknown): MeshOptions {
  return options as MeshOptions;
}

describe("a mesh's options", () => {
  it("may all be left out, or be undefined", () => {
    checkMeshOptions({});
    checkMeshOptions(wrong({ service: undefined, limits: undefined, drain: { graceMs: undefined } }));
  });

  it("are checked all at a time, each fault by its name", () => {
    const options = wrong({
      service: "",
      drain: { graceMs: -1, grace: 1 },
      limits: { maxReceiveMessageBytes: 0, maxSendMessageBytes: "1" },
      admin: { port: 70_000 },
      policies: { "a.B": 7 },
      clientInterceptors: [1],
      consul: { host: "10.0.0.1", url: "10.0.0.1:8500", token: "of\ntwo lines", socketPath: "a" },
      registry: {},
      log: { info() {} },
      registration: {},
      typo: 1,
    });
    assert.throws(
      () => checkMeshOptions(options),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, "INVALID_ARGUMENT");
        const named = ["service:", "drain.graceMs:", "grace", "limits.maxReceiveMessageBytes:"];
        named.push("limits.maxSendMessageBytes:", "admin", "policies.a.B:", "clientInterceptors.0:", "typo");
        named.push("host", "consul.url:", "consul.token:", "consul.socketPath:", "registry:", "log:", "registration:");
        for (const name of named) assert.ok(error.message.includes(name), `${name} is not in ${error.message}`);
        return true;
      },
    );
    for (const none of [null, 7, "mesh"]) assert.throws(() => checkMeshOptions(wrong(none)), /options of createMesh/);
    assert.throws(() => checkClientOptions({ balancing: "best" }), /mesh.client.*balancing.*p2c/);
  });
});

describe("a server's options", () => {
  it("come from the user, else from the environment, else are on loopback at any port", () => {
    const env = { MESH_HOST: "10.0.0.1", MESH_PORT: "5005", MESH_ADVERTISE_HOST: "outer" };
    assert.deepEqual(completeServerOptions({}, {}), { host: "127.0.0.1", port: 0, advertiseHost: "127.0.0.1" });
    assert.deepEqual(completeServerOptions({}, env), { host: "10.0.0.1", port: 5005, advertiseHost: "outer" });
    assert.deepEqual(completeServerOptions({ host: "h", port: 1, advertiseHost: "me" }, env), {
      host: "h",
      port: 1,
      advertiseHost: "me",
    });
    assert.equal(completeServerOptions({ host: "h" }, {}).advertiseHost, "h");
  });

  it("may name a Unix socket, which is advertised only when they say as what", () => {
    const env = { MESH_HOST: "/run/a.sock", MESH_PORT: "5005" };
    assert.deepEqual(completeServerOptions({}, env), { host: "/run/a.sock", port: 5005, advertiseHost: undefined });
    assert.equal(completeServerOptions({ advertiseHost: "outer" }, env).advertiseHost, "outer");
    assert.throws(() => completeServerOptions({ host: "/run/a.sock", advertiseHost: "outer" }, {}), {
      code: "INVALID_ARGUMENT",
      message: /registered as outer without a port: give the port/,
    });
    assert.throws(() => completeServerOptions({ host: "/" }, {}), /cannot be the path of a Unix socket/);
  });

  it("name hosts alone, for nobody could reach what is registered with anything else", () => {
    for (const host of ["[::1]", "127.0.0.1:80", "http://shop", "two words", "user@shop", "a,b"]) {
      const refused = { code: "INVALID_ARGUMENT", message: /alone, IPv6 without brackets/ };
      assert.throws(() => completeServerOptions({ host }, {}), refused);
      assert.throws(() => completeServerOptions({ advertiseHost: host }, {}), refused);
      assert.throws(
        () => completeServerOptions({}, { MESH_HOST: host }),
        /^MeshError: INVALID_ARGUMENT: MESH_HOST is /,
      );
      assert.throws(
        () => completeServerOptions({}, { MESH_ADVERTISE_HOST: host }),
        /MESH_ADVERTISE_HOST is .*unset it$/,
      );
    }
    for (const host of [
      "::1",
      "fe80::1%eth0",
      "::ffff:10.0.0.1",
      "10.0.0.1",
      "shop.internal.",
      "my_shop",
      "b\u00fccher",
    ]) {
      assert.equal(completeServerOptions({ host: "::", advertiseHost: host }, {}).advertiseHost, host);
    }
    assert.throws(() => completeServerOptions({ advertiseHost: "/run/a.sock" }, {}), /advertiseHost: expected a host/);
  });

  it("are refused with their names when they are wrong", () => {
    assert.throws(() => completeServerOptions({ port: 1.5 }, {}), /mesh.server.*port/);
    assert.throws(() => completeServerOptions({ ports: 1 } as object, {}), /ports/);
  });
});

describe("what comes from the environment", () => {
  it("is a port, or nothing, or an error that says which variable", () => {
    assert.equal(portFromEnv({}, "MESH_PORT"), undefined);
    assert.equal(portFromEnv({ MESH_PORT: "" }, "MESH_PORT"), undefined);
    assert.equal(portFromEnv({ MESH_PORT: "0" }, "MESH_PORT"), 0);
    for (const text of ["http", "70000", "-1", "1e3", " 80", "0x50"]) {
      assert.throws(() => portFromEnv({ MESH_PORT: text }, "MESH_PORT"), {
        code: "INVALID_ARGUMENT",
        message: /MESH_PORT is .*: write a port/,
      });
    }
  });

  it("names the process, else host and pid do", () => {
    assert.equal(defaultInstance({ MESH_INSTANCE: "greeter-7" }), "greeter-7");
    assert.ok(defaultInstance({}).endsWith(`-${process.pid}`));
  });
});
