/** What a Consul binary is, and what its version takes on its command line. */
import { execFileSync } from "node:child_process";

export interface BinaryVersion {
  /** "1.22.6" */
  readonly text: string;
  /** Arguments that close the ports of gRPC, which nobody here speaks to. */
  readonly withoutGrpc: readonly string[];
  /** What the token of whoever may do everything is called in `acl.tokens`. */
  readonly rootToken: "master" | "initial_management";
}

/** Asking takes a tenth of a second, in which nothing else happens. */
const known = new Map<string, BinaryVersion>();

export function versionOf(binary: string): BinaryVersion {
  const before = known.get(binary);
  if (before !== undefined) return before;
  const said = execFileSync(binary, ["version"], { encoding: "utf8" });
  const [, text, major, minor] = /v((\d+)\.(\d+)\S*)/.exec(said) ?? [];
  if (text === undefined) throw new Error(`${binary} names no version of Consul: ${said}`);
  const since = (wanted: number): boolean => Number(major) > 1 || Number(minor) >= wanted;
  const version: BinaryVersion = {
    text,
    withoutGrpc: ["-grpc-port", "-1", ...(since(14) ? ["-grpc-tls-port", "-1"] : [])],
    rootToken: since(11) ? "initial_management" : "master",
  };
  known.set(binary, version);
  return version;
}
