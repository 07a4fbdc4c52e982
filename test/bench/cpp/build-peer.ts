/**
 * Builds peer.cpp with what the machine has: protoc, g++ and the gRPC that pkg-config knows. The program is kept in the
 * machine's folder for temporary files, under a name that changes with its sources.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../usage-error.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const SOURCES = ["test/bench/cpp/peer.cpp", "test/bench/proto/bench/v1/bench.proto", "proto/meshwork/v1/policy.proto"];
const PROTO_FOLDERS = ["proto", "test/bench/proto"];
/** Below the folders above: policy.proto because bench.proto imports it. */
const PROTOS = ["bench/v1/bench.proto", "meshwork/v1/policy.proto"];
const LIBRARIES = ["grpc++", "protobuf"];
const COMPILER_OPTIONS = ["-std=c++17", "-O2", "-DNDEBUG", "-Wall", "-Wextra"];
const WAY_OUT =
  "on Debian: apt-get install g++ pkg-config libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc";

/** Resolves the path of the program. Throws UsageError that says what to install. */
export function buildCppPeer(): string {
  const hash = createHash("sha256").update(COMPILER_OPTIONS.join(" "));
  for (const source of SOURCES) hash.update(readFileSync(join(ROOT, source)));
  const folder = join(tmpdir(), `meshwork-bench-cpp-${userInfo().uid}`);
  const program = join(folder, hash.digest("hex").slice(0, 16));
  if (existsSync(program)) return program;

  checkTools();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const work = mkdtempSync(join(folder, "build-"));
  const plugin = run("sh", ["-c", "command -v grpc_cpp_plugin"]).trim();
  run("protoc", [
    ...PROTO_FOLDERS.flatMap((one) => ["-I", join(ROOT, one)]),
    `--cpp_out=${work}`,
    `--grpc_out=${work}`,
    `--plugin=protoc-gen-grpc=${plugin}`,
    ...PROTOS,
  ]);
  const flags = run("pkg-config", ["--cflags", "--libs", ...LIBRARIES])
    .trim()
    .split(/\s+/);
  const generated = ["bench/v1/bench.pb.cc", "bench/v1/bench.grpc.pb.cc", "meshwork/v1/policy.pb.cc"];
  const sources = [join(ROOT, "test/bench/cpp/peer.cpp"), ...generated.map((one) => join(work, one))];
  run("g++", [...COMPILER_OPTIONS, "-I", work, ...sources, "-o", join(work, "peer"), ...flags]);
  // Moved when it is whole: a build that was broken off leaves nothing that looks like one.
  renameSync(join(work, "peer"), program);
  return program;
}

function checkTools(): void {
  const missing = ["g++", "pkg-config", "protoc", "grpc_cpp_plugin"].filter((tool) => !succeeds("which", [tool]));
  if (!missing.includes("pkg-config")) {
    missing.push(...LIBRARIES.filter((library) => !succeeds("pkg-config", ["--exists", library])));
  }
  if (missing.length > 0) throw new UsageError(`--cpp needs ${missing.join(", ")}; ${WAY_OUT}`);
}

function succeeds(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args).status === 0;
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} failed with ${status}:\n${stderr}`);
  return stdout;
}
