/** Follows the README as a new user would, in a copy of the repository: every file written, every command run. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { examplesOf } from "../support/readme-examples.ts";
import { freePort } from "../support/free-port.ts";

const ROOT = process.cwd();
/** Of the tests: what generates code, and the contracts that are generated with the others. */
const NEEDED = ["test/support", "test/bench", "test/conformance"];
const BUILT = ["sdk/dist", "codegen/dist", "agent/dist", "cli/dist"];
/** Generous: each command starts Node, and the machine may be busy with other tests. */
const COMMAND_MS = 60_000;

/** The repository as a clone has it after npm ci. */
function copyOfRepository(): string {
  const copy = mkdtempSync(join(tmpdir(), "meshwork-readme-"));
  const files = existsSync(".git")
    ? execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], { encoding: "utf8" })
    : "";
  for (const file of files.split("\0")) {
    if (file === "" || file.startsWith("test/") || !existsSync(file)) continue;
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(file, join(copy, file));
  }
  for (const folder of NEEDED) cpSync(folder, join(copy, folder), { recursive: true });
  for (const folder of BUILT) cpSync(folder, join(copy, folder), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  return copy;
}

describe("the README", function () {
  this.timeout(180_000);
  let copy: string;
  let port: number;
  const background: ChildProcess[] = [];

  before(async () => {
    copy = copyOfRepository();
    port = await freePort();
  });
  after(async () => {
    for (const child of background.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exit = once(child, "exit");
      process.kill(-(child.pid as number), "SIGTERM");
      await exit;
    }
    rmSync(copy, { recursive: true, force: true });
  });

  /** Port 8500 may be somebody's Consul: the same commands, on a port of their own. */
  function start(script: string): ChildProcess {
    const command = script.replace("mesh agent", `mesh agent --port ${port}`);
    const env = { ...process.env, CONSUL_HTTP_ADDR: `127.0.0.1:${port}`, NODE_OPTIONS: "" };
    // A group of its own, so that npx and what it runs end together.
    return spawn("bash", ["-euc", command], { cwd: copy, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  }

  function output(child: ChildProcess): { text(): string; until(word: string): Promise<void> } {
    let text = "";
    const waiting = new Set<() => void>();
    const add = (chunk: Buffer): void => {
      text += chunk.toString();
      for (const wake of waiting) wake();
    };
    child.stdout?.on("data", add);
    child.stderr?.on("data", add);
    return {
      text: () => text,
      until: (word) =>
        new Promise((resolve, reject) => {
          const look = (): void => {
            if (text.includes(word)) resolve();
          };
          waiting.add(look);
          child.once("exit", () => reject(new Error(`ended before it said ${JSON.stringify(word)}:\n${text}`)));
          look();
        }),
    };
  }

  for (const example of examplesOf(readFileSync("README.md", "utf8"))) {
    switch (example.kind) {
      case "file":
        it(`has the file ${example.path}`, () => {
          mkdirSync(dirname(join(copy, example.path)), { recursive: true });
          writeFileSync(join(copy, example.path), example.text);
        });
        break;
      case "background":
        it(`starts: ${example.script}`, async () => {
          const child = start(example.script);
          background.push(child);
          await output(child).until(example.until);
        });
        break;
      case "run":
        it(`runs: ${example.script}`, async function () {
          this.timeout(COMMAND_MS);
          const child = start(example.script);
          const printed = output(child);
          const [code] = (await once(child, "close")) as [number | null];
          assert.equal(code, 0, printed.text());
          const lines = printed
            .text()
            .split("\n")
            .filter((line) => !line.startsWith('{"level"') && !line.startsWith("npm warn"));
          if (example.expected !== undefined) assert.equal(lines.join("\n").trim(), example.expected);
        });
        break;
    }
  }

  it("has programs that type-check", () => {
    const config = {
      extends: "./tsconfig.base.json",
      compilerOptions: { noEmit: true, noUnusedLocals: false, types: ["node"] },
      include: ["services/hello/src/*.ts"],
    };
    writeFileSync(join(copy, "tsconfig.readme.json"), JSON.stringify(config));
    execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.readme.json"], { cwd: copy, stdio: "inherit" });
  });
});
