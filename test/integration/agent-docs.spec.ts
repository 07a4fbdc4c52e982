/** Follows docs/agent.md: its commands and programs run, and its tables name every path and option that there is. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningAgent, startAgent } from "@meshwork/agent";
import { createProgram } from "../../cli/src/program.ts";
import { allRoutes } from "../../agent/src/routes/agent-router.ts";
import { followExamples } from "../support/follow-examples.ts";
import { freePorts } from "../support/free-port.ts";
import { examplesOf } from "../support/readme-examples.ts";
import { agentState } from "../unit/agent/fixtures.ts";

const token = { secret: "0ddba11", accessorId: "11111111-2222-4333-8444-555555555555", createdAt: new Date(0) };
const page = readFileSync("docs/agent.md", "utf8");

describe("docs/agent.md", () => {
  describe("followed", function () {
    let folder: string;
    let ports: readonly number[];

    before(async () => {
      folder = mkdtempSync(join(tmpdir(), "agent-docs-"));
      writeFileSync(join(folder, "package.json"), '{"type":"module"}');
      symlinkSync(join(process.cwd(), "node_modules"), join(folder, "node_modules"));
      ports = await freePorts(2);
    });

    followExamples(examplesOf(page), () => {
      const [first = 0, second = 0] = ports;
      return {
        folder,
        env: { CONSUL_HTTP_ADDR: `127.0.0.1:${first}` },
        // Ports of the page may be somebody's Consul.
        adapt: (script) =>
          script.replace(/mesh agent$/, `mesh agent --port ${first}`).replaceAll("8501", String(second)),
      };
    });

    // After what followExamples() started has ended.
    after(() => rmSync(folder, { recursive: true, force: true }));
  });

  describe("in its tables", () => {
    let agent: RunningAgent;

    before(async () => {
      agent = await startAgent({ token: token.secret });
    });

    after(() => agent.close());

    function section(title: string): string {
      const [, found] = page.split(`\n## ${title}\n`);
      assert.ok(found !== undefined, `no section ${title}`);
      return found.split("\n## ")[0] ?? "";
    }

    const pathsIn = (text: string): string[] =>
      [...text.matchAll(/`(\/[a-z-]+[^` ]*)`/g)].map(([, path = ""]) => `/v1${path.replace(/:.*/, "")}`);

    const missing = (): string[] => pathsIn(section("What it does not").trim().split("\n\n")[0] ?? "");

    const statusOf = async (path: string): Promise<number> => {
      const headers = { "X-Consul-Token": token.secret };
      const statuses = await Promise.all(
        ["GET", "PUT", "POST"].map(async (method) => (await fetch(`${agent.url}${path}`, { method, headers })).status),
      );
      return statuses.find((status) => status !== 405) ?? 405;
    };

    it("names every path that it answers, and no other", () => {
      const [, ...rows] = section("What it answers").split("\n| ");
      const told = [...rows.flatMap(pathsIn), ...missing(), "/"];
      const has = allRoutes(agentState(), token).map(({ path }) => path);
      const ordered = (paths: readonly string[]): string[] =>
        [...new Set(paths.map((path) => path.replace(/\/$/, "")))].sort();
      assert.deepEqual(ordered(told), ordered(has));
    });

    it("names what is 501", async () => {
      assert.ok(missing().length > 0);
      for (const path of missing()) assert.equal(await statusOf(path), 501, path);
    });

    it("names every option", () => {
      const command = createProgram({ call: nothing, ls: nothing, agent: nothing }).commands.find(
        (one) => one.name() === "agent",
      );
      const options = command?.options.map(({ long }) => long) ?? [];
      const told = [...section("On the command line").matchAll(/^\| `(--[a-z]+)`/gm)].map(([, option]) => option);
      assert.deepEqual(told, options);
    });
  });
});

async function nothing(): Promise<void> {}
