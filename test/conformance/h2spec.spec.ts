/**
 * h2spec, a conformance test of HTTP/2 and HPACK that knows nothing of Meshwork (https://github.com/summerwind/h2spec),
 * against a server that is made of Http2Session alone.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { notRun } from "../support/not-run.ts";
import { PlainHttp2Server } from "../support/plain-http2-server.ts";

const BUILD_TIMEOUT_MS = 180_000;
const RUN_TIMEOUT_MS = 120_000;
const PROGRAM = "github.com/summerwind/h2spec/cmd/h2spec";
/** What the version that go.mod names has, so that none gets lost unseen. */
const CASES: Readonly<Record<string, number>> = { generic: 44, http2: 95, hpack: 7 };

describe("h2spec", () => {
  let folder: string;
  let binary: string | undefined;
  let server: PlainHttp2Server;
  let port: number;

  before(async function () {
    this.timeout(BUILD_TIMEOUT_MS);
    folder = mkdtempSync(join(tmpdir(), "h2spec-"));
    const source = fileURLToPath(new URL("../peers/h2spec/", import.meta.url));
    const output = join(folder, "h2spec");
    const built = spawnSync("go", ["build", "-buildvcs=false", "-o", output, PROGRAM], {
      cwd: source,
      encoding: "utf8",
    });
    if (built.status === 0) binary = output;
    else notRun("h2spec", "go", `put go on PATH (${built.error?.message ?? built.stderr.trim()})`);
    // h2spec takes HTTP/2's initial frame size for what the server allows.
    server = new PlainHttp2Server({ maxFrameBytes: 16_384 });
    port = await server.listen();
  });

  after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  for (const [suite, cases] of Object.entries(CASES)) {
    it(`passes every case of its suite ${suite}`, async function () {
      if (binary === undefined) return;
      this.timeout(RUN_TIMEOUT_MS);
      const run = spawn(binary, [suite, "--strict", "--host", "127.0.0.1", "--port", String(port)]);
      const said = await text(run.stdout);
      const [line, total, passed, skipped, failed] =
        /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(said) ?? assert.fail(said);
      console.log(`      ${suite}: ${line}`);
      assert.deepEqual([total, passed, skipped, failed].map(Number), [cases, cases, 0, 0], said);
    });
  }

  it("leaves no stream behind", () => {
    for (const session of server.sessions) assert.equal(session.streams, 0);
  });
});
