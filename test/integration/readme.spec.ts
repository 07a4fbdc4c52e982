/** Follows the README as a new user would, in a copy of the repository: every file written, every command run. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { followExamples } from "../support/follow-examples.ts";
import { examplesOf } from "../support/readme-examples.ts";
import { freePort } from "../support/free-port.ts";

const ROOT = process.cwd();
/** Of the tests: what generates code, and the contracts that are generated with the others. */
const NEEDED = ["test/support", "test/bench", "test/conformance"];
const BUILT = ["sdk/dist", "codegen/dist", "agent/dist", "cli/dist"];

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

  before(async () => {
    copy = copyOfRepository();
    port = await freePort();
  });

  followExamples(examplesOf(readFileSync("README.md", "utf8")), () => ({
    folder: copy,
    env: { CONSUL_HTTP_ADDR: `127.0.0.1:${port}` },
    // Port 8500 may be somebody's Consul: the same commands, on a port of their own.
    adapt: (script) => script.replace("mesh agent", `mesh agent --port ${port}`),
  }));

  // After what followExamples() started has ended.
  after(() => rmSync(copy, { recursive: true, force: true }));

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
