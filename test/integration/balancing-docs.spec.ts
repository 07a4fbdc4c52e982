/** Follows docs/balancing.md: its program runs with its contract, and its tables name the policies and scenarios there are. */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { startAgent } from "@meshwork/agent";
import { PICK_POLICIES } from "../../sdk/src/balancing/pick-policies.ts";
import { examplesOf } from "../support/readme-examples.ts";
import { findConsul, sayNotRun } from "../support/real-consul.ts";

const page = readFileSync("docs/balancing.md", "utf8");

describe("docs/balancing.md", () => {
  it("tells every policy", () => {
    const [table = ""] = /^\| policy \| picks \|[^]*?\n\n/m.exec(page) ?? [];
    const rows = [...table.matchAll(/^\| (`.*?) \|/gm)].map(([, names = ""]) => names);
    const told = rows.flatMap((names) => names.split(", ").map((name) => name.slice(1, -1)));
    assert.deepEqual(told.sort(), Object.keys(PICK_POLICIES).sort());
  });

  describe("shows programs", function () {
    this.timeout(30_000);
    let folder: string;

    before(() => {
      folder = mkdtempSync(join(tmpdir(), "balancing-docs-"));
      for (const example of examplesOf(page)) {
        if (example.kind !== "file") continue;
        mkdirSync(dirname(join(folder, example.path)), { recursive: true });
        writeFileSync(join(folder, example.path), example.text);
      }
      writeFileSync(join(folder, "package.json"), '{"type":"module"}');
      symlinkSync(join(process.cwd(), "node_modules"), join(folder, "node_modules"));
    });

    after(() => rmSync(folder, { recursive: true, force: true }));

    function run(program: string): string {
      const flags = ["--conditions=meshwork-source", "--import", "tsx"];
      const env = { ...process.env, MESH_LOG_LEVEL: "silent" };
      return execFileSync(process.execPath, [...flags, program], { cwd: folder, encoding: "utf8", env });
    }

    it("one that keeps one user's calls together", () => {
      assert.match(run("carts.js"), /^ring_hash: 3 endpoints, [123] called\n$/);
    });

    it("one that says itself how busy it is", () => {
      assert.equal(run("pooled.js"), "");
    });

    it("an entry that Consul's own command writes", async () => {
      const consul = findConsul();
      if (consul === undefined) return sayNotRun("writing a service-resolver");
      const agent = await startAgent();
      const env = { ...process.env, CONSUL_HTTP_ADDR: agent.url };
      try {
        await promisify(execFile)(consul, ["config", "write", "cart.hcl"], { cwd: folder, env });
        const entry: unknown = await (await fetch(`${agent.url}/v1/config/service-resolver/cart`)).json();
        assert.deepEqual((entry as { Meta: unknown }).Meta, { "meshwork-balancing": "prequal" });
      } finally {
        await agent.close();
      }
    });

    it("one with all that can be put around a policy", () => {
      assert.equal(run("cautious.js"), "");
    });
  });
});
