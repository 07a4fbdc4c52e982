/**
 * `npm run generate` writes everything that is generated and committed: messages and services of the samples
 * (buf.gen.yaml) and of the benchmarks (buf.gen.bench.yaml), messages that the SDK speaks (buf.gen.sdk.yaml), gRPC's test
 * contract (buf.gen.conformance.yaml), and the copy of policy.proto that the SDK carries.
 * With --check it writes into a temporary folder instead and fails, naming the files that are not what is committed.
 *
 * It needs nothing on PATH: buf, ts-proto and Node.js itself are started by their own files.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const buf = join(root, "node_modules/@bufbuild/buf/bin/buf");
const templates = ["buf.gen.yaml", "buf.gen.sdk.yaml", "buf.gen.bench.yaml", "buf.gen.conformance.yaml"];
/** Folders that hold nothing but generated files. */
const generatedFolders = ["services/gen", "sdk/src/gen", "test/bench/gen", "test/conformance/gen"];
const policyCopy = "sdk/src/gen/meshwork/v1/policy-proto.ts";

process.exitCode = process.argv.includes("--check") ? check() : generate(root);

/** Writes all into a folder laid out like the repository. */
function generate(target) {
  const stale = stalePlugin();
  if (stale !== undefined) {
    console.error(stale);
    return 1;
  }
  for (const template of templates) {
    const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
    const args = [buf, "generate", "--template", template, "--output", target];
    const run = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit", env: { ...process.env, PATH } });
    if (run.error !== undefined) throw run.error;
    if (run.status !== 0) return run.status ?? 1;
  }
  mkdirSync(dirname(join(target, policyCopy)), { recursive: true });
  writeFileSync(join(target, policyCopy), policyModule());
  return 0;
}

function check() {
  const fresh = mkdtempSync(join(tmpdir(), "meshwork-generate-"));
  try {
    const status = generate(fresh);
    if (status !== 0) return status;
    const faults = differences(fresh);
    if (faults.length === 0) return 0;
    console.error(`generated code is not what is committed:\n${faults.join("\n")}\nrun npm run generate`);
    return 1;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function differences(fresh) {
  const [wanted, present] = [generatedFiles(fresh), generatedFiles(root)];
  const missing = [...wanted].filter((file) => !present.has(file)).map((file) => `  missing: ${file}`);
  const extra = [...present].filter((file) => !wanted.has(file)).map((file) => `  extra:   ${file}`);
  const stale = [...wanted]
    .filter((file) => present.has(file) && !readFileSync(join(fresh, file)).equals(readFileSync(join(root, file))))
    .map((file) => `  stale:   ${file}`);
  return [...missing, ...stale, ...extra];
}

function generatedFiles(base) {
  return new Set(generatedFolders.flatMap((folder) => filesBelow(base, folder)));
}

function filesBelow(base, path) {
  const found = statSync(join(base, path), { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (found.isFile()) return [path];
  return readdirSync(join(base, path)).flatMap((name) => filesBelow(base, `${path}/${name}`));
}

/** The plugin runs from its build; an old build would generate yesterday's code and call it fresh. */
function stalePlugin() {
  for (const [source, built] of [
    ["codegen/src", "codegen/dist"],
    ["sdk/src/contract", "sdk/dist/contract"],
  ]) {
    for (const file of filesBelow(root, source).filter((one) => one.endsWith(".ts"))) {
      const output = join(root, file.replace(source, built).replace(/\.ts$/, ".js"));
      const builtAt = statSync(output, { throwIfNoEntry: false })?.mtimeMs;
      if (builtAt === undefined) return `${file} is not built: run npm run build`;
      if (builtAt < statSync(join(root, file)).mtimeMs) return `${file} is newer than its build: run npm run build`;
    }
  }
  return undefined;
}

function policyModule() {
  const text = readFileSync(join(root, "proto/meshwork/v1/policy.proto"), "utf8");
  return [
    "// Copied from proto/meshwork/v1/policy.proto by npm run generate. DO NOT EDIT.",
    "",
    "/** For contracts that are loaded at run time: they import it, and their authors do not have it. */",
    "export const POLICY_PROTO = [",
    ...text
      .trimEnd()
      .split("\n")
      .map((line) => `  ${JSON.stringify(line)},`),
    '].join("\\n");',
    "",
  ].join("\n");
}
