/** A mesh over TLS on real sockets: who gets through, and what those are told who do not. */
import assert from "node:assert/strict";
import { createMesh, type Mesh, type MeshOptions, type TlsOptions } from "@meshwork/sdk";
import { TranslatorService } from "../../../services/gen/translator/v1/translator.mesh.ts";
import { translatorHandlers } from "../../../services/translator/src/handlers.ts";
import { testCertificates } from "../../support/certificates.ts";
import { ALONE } from "../../support/greeter-mesh.ts";
import { recordedLog } from "../../support/logs.ts";
import { failure } from "../../support/mesh-error.ts";

const { ca, server, client, strangers } = testCertificates();

const SLOW = { deadlineMs: 10_000 };

describe("a mesh over TLS", () => {
  const meshes: Mesh[] = [];

  function mesh(options: MeshOptions): Mesh {
    const made = createMesh({ ...ALONE, log: recordedLog().log, ...options });
    meshes.push(made);
    return made;
  }

  async function serving(tls: TlsOptions | undefined): Promise<string> {
    const one = mesh(tls === undefined ? {} : { tls });
    const { address } = await one.server().add(TranslatorService, translatorHandlers("one")).start();
    return `static:///localhost:${address.port}`;
  }

  function translate(target: string, tls: TlsOptions | undefined) {
    const translator = mesh(tls === undefined ? {} : { tls }).client(TranslatorService, { target });
    // A handshake takes long on a busy machine: longer than the contract gives.
    return translator.translate({ phrase: "hello", language: "de" }, { policy: SLOW });
  }

  afterEach(async () => {
    await Promise.all(meshes.splice(0).map((one) => one.close()));
  });

  it("lets both sides show who they are, and carries calls, compressed ones too", async () => {
    const target = await serving({ ca, ...server });
    const translator = mesh({ tls: { ca, ...client } }).client(TranslatorService, { target });
    for (const compression of ["identity", "gzip"] as const) {
      assert.equal((await translator.translate({ phrase: "hello", language: "de" }, { compression })).text, "Hallo");
    }
  });

  it("lets anybody call who trusts the server, when callers need show nothing", async () => {
    assert.equal((await translate(await serving(server), { ca })).text, "Hallo");
    assert.equal(
      (await translate(await serving({ ca, ...server, requireClientCertificate: false }), { ca })).text,
      "Hallo",
    );
  });

  it("checks the server's certificate for another name when it is told to", async () => {
    const { cert, key } = server;
    const target = (await serving({ cert, key })).replace("localhost", "127.0.0.1");
    assert.equal((await translate(target, { ca, serverName: "localhost" })).text, "Hallo");
  });

  for (const [who, tls, reason] of [
    [
      "does not trust the server's CA",
      { ca: strangers.ca, ...client },
      /TLS: .* not signed by a CA that this side trusts.* MESH_TLS_CA/,
    ],
    [
      "shows no certificate where one is wanted",
      { ca },
      /TLS: the server wants a certificate of this side.* MESH_TLS_CERT/,
    ],
    [
      "shows a stranger's certificate",
      { ca, ...strangers.issue("stranger") },
      /TLS.* not trust this side's certificate/,
    ],
    [
      "wants another name than the server's",
      { ca, ...client, serverName: "elsewhere" },
      /TLS: .* is for other names.*tls\.serverName/,
    ],
    ["does not speak TLS", undefined, /may speak TLS where this side does not.*MESH_TLS_CA/],
  ] as const) {
    it(`says so to a caller that ${who}`, async () => {
      const error = await failure(translate(await serving({ ca, ...server }), tls));
      assert.equal(error.code, "UNAVAILABLE");
      assert.match(error.reason, reason);
      assert.doesNotMatch(error.reason, /routines|deps|\n/);
    });
  }

  it("tells a caller that speaks TLS to a server that does not", async () => {
    const error = await failure(translate(await serving(undefined), { ca }));
    assert.equal(error.code, "UNAVAILABLE");
    assert.match(error.reason, /TLS: the server does not speak TLS \(wrong version number\)/);
  });

  it("gives one client other keys than the mesh's, or none, and connections of its own with them", async () => {
    const [secure, plain] = [await serving({ ca, ...server }), await serving(undefined)];
    const callers = mesh({ tls: { ca, ...client } });
    const phrase = { phrase: "hello", language: "de" };
    assert.equal(
      (await callers.client(TranslatorService, { target: plain, tls: false }).translate(phrase)).text,
      "Hallo",
    );
    const distrustful = callers.client(TranslatorService, { target: secure, tls: { ca: strangers.ca } });
    assert.equal((await failure(distrustful.translate(phrase))).code, "UNAVAILABLE");
    assert.equal((await callers.client(TranslatorService, { target: secure }).translate(phrase)).text, "Hallo");
  });

  it("refuses options that cannot work before anything connects", async () => {
    const { cert } = server;
    assert.throws(() => mesh({ tls: { cert } }), { code: "INVALID_ARGUMENT", message: /tls\.cert is given without/ });
    assert.throws(() => mesh({ tls: { CA: ca } as TlsOptions }), /options of createMesh are wrong: tls: .*CA/);
    assert.throws(() => mesh({ tls: { ca: 7 } as unknown as TlsOptions }), /tls\.ca: expected PEM/);
    process.env["MESH_TLS_CA"] = "/nowhere/ca.pem";
    try {
      assert.throws(() => mesh({}), /MESH_TLS_CA is "\/nowhere\/ca\.pem", which cannot be read/);
    } finally {
      delete process.env["MESH_TLS_CA"];
    }
    const one = mesh({ tls: { ca } });
    assert.throws(() => one.client(TranslatorService, { tls: { cert } }), /tls\.cert is given without/);
    const started = one.server().add(TranslatorService, translatorHandlers("one")).start();
    assert.match((await failure(started)).reason, /server has no certificate to show/);
  });
});
