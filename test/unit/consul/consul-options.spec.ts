import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { consulOptionsFromEnv } from "../../../sdk/src/consul/consul-options.ts";
import { diskFiles, type Files } from "../../../sdk/src/consul/consul-variables.ts";
import { testCertificates } from "../../support/certificates.ts";

/** A disk with these files alone. */
function files(texts: Readonly<Record<string, string>>): Files {
  const missing = (path: string): never => {
    throw Object.assign(new Error(`no ${path}`), { code: "ENOENT" });
  };
  return {
    read: (path) => texts[path] ?? missing(path),
    list: (folder) => {
      const paths = Object.keys(texts).filter((path) => path.startsWith(`${folder}/`));
      return paths.length === 0 ? missing(folder) : paths;
    },
  };
}

const noFile = files({});
const { ca, client, strangers } = testCertificates();

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
      assert.throws(
        () => consulOptionsFromEnv({ CONSUL_HTTP_TOKEN_FILE: "/run/token" }, files({ "/run/token": token })),
        refused,
      );
    }
  });

  it("a token comes from its variable or, stronger, from a file", () => {
    const env = { CONSUL_HTTP_TOKEN: "weak", CONSUL_HTTP_TOKEN_FILE: "/run/token" };
    assert.equal(consulOptionsFromEnv({ CONSUL_HTTP_TOKEN: "weak" }, noFile).token, "weak");
    const options = consulOptionsFromEnv(env, files({ "/run/token": "strong\n" }));
    assert.equal(options.token, "strong");
    assert.equal(options.tokenFile, "/run/token");
  });

  it("reads namespace, partition and basic authentication", () => {
    const env = { CONSUL_NAMESPACE: "team", CONSUL_PARTITION: "part", CONSUL_HTTP_AUTH: "user:pass:word" };
    const options = consulOptionsFromEnv(env, noFile);
    assert.equal(options.namespace, "team");
    assert.equal(options.partition, "part");
    assert.equal(options.basicAuth, "user:pass:word");
  });

  const HTTPS = { CONSUL_HTTP_ADDR: "https://a:1" };

  it("reads what TLS needs from the files that the variables name", () => {
    const env = {
      ...HTTPS,
      CONSUL_CACERT: "/ca.pem",
      CONSUL_CAPATH: "/never-read",
      CONSUL_CLIENT_CERT: "/cert.pem",
      CONSUL_CLIENT_KEY: "/key.pem",
      CONSUL_TLS_SERVER_NAME: "server.dc1.consul",
      CONSUL_HTTP_SSL_VERIFY: "false",
    };
    const disk = files({ "/ca.pem": ca, "/cert.pem": client.cert, "/key.pem": client.key });
    assert.deepEqual(consulOptionsFromEnv(env, disk).tls, {
      ca: ca.trim(),
      cert: client.cert.trim(),
      key: client.key.trim(),
      serverName: "server.dc1.consul",
      verify: false,
    });
  });

  it("takes every CA of the folder CONSUL_CAPATH, and passes over what is hidden there", () => {
    const folder = mkdtempSync(join(tmpdir(), "consul-capath-"));
    writeFileSync(join(folder, "a.pem"), ca);
    writeFileSync(join(folder, "b.pem"), strangers.ca);
    mkdirSync(join(folder, "..2026_01_01"));
    writeFileSync(join(folder, ".hidden"), "no certificate");
    const { tls } = consulOptionsFromEnv({ ...HTTPS, CONSUL_CAPATH: folder }, diskFiles);
    assert.deepEqual(tls, { ca: [ca.trim(), strangers.ca.trim()] });
    rmSync(folder, { recursive: true });
  });

  it("has no TLS options without variables, and reads none of them when TLS is not used", () => {
    assert.equal(consulOptionsFromEnv(HTTPS, noFile).tls, undefined);
    const options = consulOptionsFromEnv({ CONSUL_HTTP_ADDR: "a:1", CONSUL_CACERT: "/ca.pem" }, noFile);
    assert.equal(options.tls, undefined);
  });

  for (const [name, env, texts, refusal] of [
    ["a CA that is not there", { CONSUL_CACERT: "/ca.pem" }, {}, /CONSUL_CACERT "\/ca.pem" cannot be read \(ENOENT\)/],
    ["a CA that is none", { CONSUL_CACERT: "/ca.pem" }, { "/ca.pem": "x" }, /CONSUL_CACERT \(\/ca.pem\) is no cert/],
    ["an empty CA", { CONSUL_CACERT: "/ca.pem" }, { "/ca.pem": "\n" }, /CONSUL_CACERT "\/ca.pem" is empty/],
    ["a folder without a CA", { CONSUL_CAPATH: "/ca" }, {}, /CONSUL_CAPATH "\/ca" cannot be read \(ENOENT\)/],
    ["a folder with more than CAs", { CONSUL_CAPATH: "/ca" }, { "/ca/a": ca, "/ca/b": "x" }, /\(\/ca\/b\) is no cert/],
    [
      "a certificate without its key",
      { CONSUL_CLIENT_CERT: "/c" },
      { "/c": client.cert },
      /CONSUL_CLIENT_CERT \(\/c\) is given without its private key: give CONSUL_CLIENT_KEY too/,
    ],
    [
      "the key of another certificate",
      { CONSUL_CLIENT_CERT: "/c", CONSUL_CLIENT_KEY: "/k" },
      { "/c": client.cert, "/k": strangers.issue("other").key },
      /CONSUL_CLIENT_CERT \(\/c\) and CONSUL_CLIENT_KEY \(\/k\) cannot be used together/,
    ],
    [
      "a flag that is none",
      { CONSUL_HTTP_SSL_VERIFY: "no" },
      {},
      /CONSUL_HTTP_SSL_VERIFY is "no": write true or false/,
    ],
  ] as const) {
    it(`refuses ${name}`, () => {
      assert.throws(() => consulOptionsFromEnv({ ...HTTPS, ...env }, files(texts)), refusal);
    });
  }

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
    assert.throws(() => consulOptionsFromEnv({ CONSUL_HTTP_TOKEN_FILE: "/t" }, files({ "/t": " " })), /is empty/);
    assert.throws(
      () => consulOptionsFromEnv({ CONSUL_HTTP_SSL: "yes" }, noFile),
      /CONSUL_HTTP_SSL is "yes": write true or false/,
    );
  });
});
