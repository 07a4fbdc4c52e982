/** Keys and certificates as users give them: what is wrong is said where it was given. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkServerTls, checkTls, tlsFromEnv } from "../../../sdk/src/security/tls-settings.ts";
import { testCertificates } from "../../support/certificates.ts";

const { ca, server, client } = testCertificates();

describe("TLS options", () => {
  it("are taken when they belong together", () => {
    checkTls({});
    checkTls({ ca });
    checkTls({ ca: [ca, Buffer.from(ca)], ...client, requireClientCertificate: true, serverName: "elsewhere" });
    checkServerTls(undefined);
    checkServerTls(server);
  });

  for (const [what, tls, message] of [
    [
      "a certificate without its key",
      { cert: server.cert },
      /^INVALID_ARGUMENT: tls.cert is given without its private/,
    ],
    [
      "a key without its certificate",
      { key: server.key },
      /tls.key is given without its certificate: give tls.cert too/,
    ],
    ["the key of another certificate", { ...server, key: client.key }, /tls.cert and tls.key .*key values mismatch/],
    ["a key that is no key", { ...server, key: "secret" }, /tls.cert and tls.key cannot be used .*both as PEM/],
    [
      "a CA that is no certificate",
      { ca: [ca, "ca.pem"] },
      /tls.ca is no certificate .*: give the CA's certificate as PEM/,
    ],
    ["callers' certificates and no CA for them", { ...server, requireClientCertificate: true }, /without tls.ca/],
  ] as const) {
    it(`are refused with ${what}`, () => {
      assert.throws(() => checkTls(tls), { code: "INVALID_ARGUMENT", message });
    });
  }

  it("of a server without a certificate are refused", () => {
    assert.throws(
      () => checkServerTls({ ca }),
      /server has no certificate to show: give tls.cert and tls.key, or MESH_/,
    );
  });
});

describe("TLS from the environment", () => {
  let folder = "";

  before(() => (folder = mkdtempSync(join(tmpdir(), "mesh-tls-"))));
  after(() => rmSync(folder, { recursive: true }));

  function file(name: string, text: string): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  }

  it("is none without its variables, and what their files hold with them", () => {
    assert.equal(tlsFromEnv({}), undefined);
    assert.equal(tlsFromEnv({ MESH_TLS_CA: "" }), undefined);
    const env = {
      MESH_TLS_CA: file("ca.pem", ca),
      MESH_TLS_CERT: file("cert.pem", server.cert),
      MESH_TLS_KEY: file("key.pem", server.key),
    };
    const tls = tlsFromEnv(env);
    assert.deepEqual([tls?.ca, tls?.cert, tls?.key].map(String), [ca, server.cert, server.key]);
  });

  it("is refused with the variable and its file", () => {
    const key = file("key.pem", server.key);
    const none = join(folder, "none.pem");
    const wrong = file("wrong.pem", "no PEM");
    assert.throws(() => tlsFromEnv({ MESH_TLS_CA: none }), {
      code: "INVALID_ARGUMENT",
      message: /MESH_TLS_CA is ".*none\.pem", which cannot be read/,
    });
    assert.throws(() => tlsFromEnv({ MESH_TLS_CA: wrong }), /MESH_TLS_CA \(.*wrong\.pem\) is no certificate/);
    assert.throws(
      () => tlsFromEnv({ MESH_TLS_KEY: key }),
      /MESH_TLS_KEY \(.*\) is given without .*: give MESH_TLS_CERT too/,
    );
    assert.throws(
      () => tlsFromEnv({ MESH_TLS_CERT: wrong, MESH_TLS_KEY: key }),
      /MESH_TLS_CERT \(.*wrong\.pem\) and MESH_TLS_KEY \(.*key\.pem\) cannot be used together/,
    );
  });
});
