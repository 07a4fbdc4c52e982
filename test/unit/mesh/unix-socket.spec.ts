/** A mesh over Unix sockets. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMesh, type Mesh, type Registration, type ServiceInstance } from "@meshwork/sdk";
import { TranslatorService } from "../../../services/gen/translator/v1/translator.mesh.ts";
import { translatorHandlers } from "../../../services/translator/src/handlers.ts";
import { ALONE } from "../../support/greeter-mesh.ts";
import { type LogLine, recordedLog } from "../../support/logs.ts";
import { failure } from "../../support/mesh-error.ts";

const PHRASE = { phrase: "hello", language: "de" };

describe("a mesh over Unix sockets", () => {
  const meshes: Mesh[] = [];
  let folder = "";

  before(() => (folder = mkdtempSync(join(tmpdir(), "mesh-"))));
  after(() => rmSync(folder, { recursive: true }));
  afterEach(async () => {
    await Promise.all(meshes.splice(0).map((one) => one.close()));
  });

  function mesh(registration: Registration | false = false): { mesh: Mesh; lines: readonly LogLine[] } {
    const { log, lines } = recordedLog();
    const made = createMesh({ ...ALONE, log, registration });
    meshes.push(made);
    return { mesh: made, lines };
  }

  it("carries calls, and leaves no file when its server has gone", async () => {
    const host = join(folder, "calls.sock");
    const server = await mesh().mesh.server({ host }).add(TranslatorService, translatorHandlers("one")).start();
    assert.deepEqual(server.address, { host, port: 0 });
    const translator = mesh().mesh.client(TranslatorService, { target: `unix://${host}` });
    assert.equal((await translator.translate(PHRASE)).text, "Hallo");
    await server.stop();
    assert.equal(existsSync(host), false);
    const error = await failure(translator.translate(PHRASE, { timeoutMs: 2_000 }));
    assert.equal(error.endpoint, `unix:${host}`);
    assert.match(error.message, /ENOENT/);
  });

  it("says of a file left behind by a process that was killed that it must be removed", async () => {
    const host = join(folder, "stale.sock");
    const killed = `require("node:net").createServer().listen(${JSON.stringify(host)}, () => process.kill(process.pid, 9))`;
    spawnSync(process.execPath, ["--eval", killed]);
    assert.equal(existsSync(host), true);
    const { mesh: one } = mesh();
    const error = await failure(one.server({ host }).add(TranslatorService, translatorHandlers("one")).start());
    assert.equal(error.code, "UNAVAILABLE");
    assert.match(error.reason, /cannot listen on unix:.*stale\.sock: the file exists; .*rm .*stale\.sock\) when one/);
    rmSync(host);
    await one.server({ host }).add(TranslatorService, translatorHandlers("one")).start();
  });

  it("says of a path whose directory does not exist that it must", async () => {
    const host = join(folder, "none", "a.sock");
    const started = mesh().mesh.server({ host }).add(TranslatorService, translatorHandlers("one")).start();
    assert.match(
      (await failure(started)).reason,
      /none does not exist, or this process may not write in it; make it, or/,
    );
  });

  it("is registered as what forwards to it, else not at all, which is logged", async () => {
    const instances: ServiceInstance[] = [];
    const registration: Registration = {
      register: async (instance) => {
        instances.push(instance);
        return { deregister: async () => {} };
      },
    };
    const { mesh: one, lines } = mesh(registration);
    const host = join(folder, "alone.sock");
    await one.server({ host }).add(TranslatorService, translatorHandlers("one")).start();
    assert.deepEqual(instances, []);
    assert.ok(lines.some(({ msg }) => /server is not registered, since others find no Unix socket/.test(msg)));
    const behind = { host: join(folder, "behind.sock"), advertiseHost: "outer", port: 8_443 };
    await one.server(behind).add(TranslatorService, translatorHandlers("one")).start();
    assert.deepEqual(
      instances.map(({ address }) => address),
      [{ host: "outer", port: 8_443 }],
    );
  });
});
