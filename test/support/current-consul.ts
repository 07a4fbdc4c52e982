/**
 * A current Consul, of the version that test/peers/consul/go.mod names: in `CONSUL_CURRENT_BIN`, else in the user's cache,
 * where `npm run test:registry` builds it once if Go is there.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const MODULE = "github.com/hashicorp/consul";
const folder = fileURLToPath(new URL("../peers/consul/", import.meta.url));

/** Its binary, or undefined when there is none yet. */
export function findCurrentConsul(): string | undefined {
  const configured = process.env["CONSUL_CURRENT_BIN"];
  if (configured !== undefined && configured !== "") {
    if (existsSync(configured)) return configured;
    throw new Error(`CONSUL_CURRENT_BIN is ${JSON.stringify(configured)}, where nothing is: correct it or unset it`);
  }
  return existsSync(cached()) ? cached() : undefined;
}

/** Builds it, which takes some minutes, and returns its binary; or why it cannot be built. */
export function buildCurrentConsul(): { readonly binary: string } | { readonly failure: string } {
  const binary = cached();
  mkdirSync(dirname(binary), { recursive: true });
  // Built beside it and moved: a build that is cut off must not be taken for the binary.
  const unfinished = `${binary}.${process.pid}`;
  const args = ["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", unfinished, MODULE];
  const built = spawnSync("go", args, { cwd: folder, encoding: "utf8" });
  if (built.status !== 0) return { failure: built.error?.message ?? built.stderr.trim() };
  renameSync(unfinished, binary);
  return { binary };
}

function cached(): string {
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return join(cache, "meshwork", `consul-${wantedVersion()}`);
}

function wantedVersion(): string {
  const found = new RegExp(`${MODULE} v(\\S+)`).exec(readFileSync(join(folder, "go.mod"), "utf8"));
  if (found?.[1] === undefined) throw new Error(`${folder}go.mod names no version of ${MODULE}`);
  return found[1];
}
