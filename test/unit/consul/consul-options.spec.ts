import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { consulOptionsFromEnv } from "../../../sdk/src/consul/consul-options.ts";

const noFile = (path: string): string => {
  throw Object.assign(new Error(`no ${path}`), { code: "ENOENT" });
};

describe("Consul's environment variables", () => {
  for (const [address, url, socketPath] of [
    [undefined, "http://127.0.0.1:8500", undefined],
    ["", "http://127.0.0.1:8500", undefined],
    ["10.0.0.1:8500", "http://10.0.0.1:8500", undefined],
    ["[::1]:8500", "http://[::1]:8500", undefined],
    ["http://consul.internal", "http://consul.internal", undefined],
    ["https://consul.internal:8501/", "https://consul.internal:8501", undefined],
    ["tcp://10.0.0.1:8500", "http://10.0.0.1:8500", undefined],
    ["https://proxy/consul", "https://proxy/consul", undefined],
    ["unix:///run/consul.sock", "http://localhost", "/run/consul.sock"],
  ] as const) {
    it(`CONSUL_HTTP_ADDR=${address ?? "(not set)"} is ${socketPath ?? url}`, () => {
      const options = consulOptionsFromEnv({ CONSUL_HTTP_ADDR: address }, noFile);
      assert.equal(options.url, url);
      assert.equal(options.socketPath, socketPath);
    });
  }

  for (const address of [
    "consul",
    "consul:port",
    "10.0.0.1:0",
    "10.0.0.1/8500",
    "ftp://a:1",
    "unix://socket",
    "http://a:b:c",
    "http://u:p@a:1",
  ]) {
    it(`CONSUL_HTTP_ADDR=${address} is refused with an example`, () => {
      assert.throws(
        () => consulOptionsFromEnv({ CONSUL_HTTP_ADDR: address }, noFile),
        (error) =>
          error instanceof MeshError &&
          error.code === "INVALID_ARGUMENT" &&
          error.reason.includes(`CONSUL_HTTP_ADDR "${address}" is no address: write 127.0.0.1:8500`),
      );
    });
  }

  it("CONSUL_HTTP_SSL asks for https where no scheme says otherwise", () => {
    const read = (env: Record<string, string>) => consulOptionsFromEnv(env, noFile).url;
    assert.equal(read({ CONSUL_HTTP_SSL: "true" }), "https://127.0.0.1:8500");
    assert.equal(read({ CONSUL_HTTP_SSL: "1", CONSUL_HTTP_ADDR: "a:1" }), "https://a:1");
    assert.equal(read({ CONSUL_HTTP_SSL: "false", CONSUL_HTTP_ADDR: "a:1" }), "http://a:1");
    assert.equal(read({ CONSUL_HTTP_SSL: "false", CONSUL_HTTP_ADDR: "https://a:1" }), "https://a:1");
  });

  it("a token that no header can carry is refused, and told to nobody", () => {
    for (const token of ["sec\nret", "sec ret", "sécret"]) {
      const refused = (error: Error) => /holds more than a token/.test(error.message) && !error.message.includes(token);
      assert.throws(() => consulOptionsFromEnv({ CONSUL_HTTP_TOKEN: token }, noFile), refused);
      assert.throws(() => consulOptionsFromEnv({ CONSUL_HTTP_TOKEN_FILE: "/run/token" }, () => token), refused);
    }
  });

  it("a token comes from its variable or, stronger, from a file", () => {
    const env = { CONSUL_HTTP_TOKEN: "weak", CONSUL_HTTP_TOKEN_FILE: "/run/token" };
    assert.equal(consulOptionsFromEnv({ CONSUL_HTTP_TOKEN: "weak" }, noFile).token, "weak");
    assert.equal(consulOptionsFromEnv(env, () => "strong\n").token, "strong");
  });

  it("reads namespace, partition and basic authentication", () => {
    const env = { CONSUL_NAMESPACE: "team", CONSUL_PARTITION: "part", CONSUL_HTTP_AUTH: "user:pass:word" };
    const options = consulOptionsFromEnv(env, noFile);
    assert.equal(options.namespace, "team");
    assert.equal(options.partition, "part");
    assert.equal(options.basicAuth, "user:pass:word");
  });

  it("TLS settings that would be ignored are refused, unless TLS is not used", () => {
    const tls = { CONSUL_CACERT: "/ca.pem", CONSUL_CLIENT_KEY: "/key.pem", CONSUL_HTTP_SSL_VERIFY: "false" };
    assert.equal(consulOptionsFromEnv({ ...tls, CONSUL_HTTP_ADDR: "a:1" }, noFile).url, "http://a:1");
    assert.throws(
      () => consulOptionsFromEnv({ ...tls, CONSUL_HTTP_ADDR: "https://a:1" }, noFile),
      /CONSUL_CACERT is not supported.*CONSUL_CLIENT_KEY is not supported.*CONSUL_HTTP_SSL_VERIFY=false is not supported/,
    );
  });

  it("tells every problem at once", () => {
    const env = {
      CONSUL_HTTP_ADDR: "consul",
      CONSUL_HTTP_TOKEN_FILE: "/run/token",
      CONSUL_HTTP_AUTH: "user",
    };
    assert.throws(
      () => consulOptionsFromEnv(env, noFile),
      /CONSUL_HTTP_ADDR "consul" is no address.*CONSUL_HTTP_TOKEN_FILE "\/run\/token" cannot be read \(ENOENT\).*CONSUL_HTTP_AUTH has no colon/,
    );
    assert.throws(() => consulOptionsFromEnv({ CONSUL_HTTP_TOKEN_FILE: "/t" }, () => " "), /is empty/);
    assert.throws(
      () => consulOptionsFromEnv({ CONSUL_HTTP_SSL: "yes" }, noFile),
      /CONSUL_HTTP_SSL is "yes": write true or false/,
    );
  });
});
