/**
 * A real Consul for the tests that compare with it or run against it.
 *
 * It is looked for in `CONSUL_BIN`, then as `consul` on PATH; a suite that finds none says so and passes. The agent runs
 * with `-dev`: in memory, a leader within a second or two, nothing left on disk. Every port is a free one on loopback.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { versionOf } from "./consul-version.ts";
import { notRun } from "./not-run.ts";
import { freePorts } from "./free-port.ts";

export interface RealConsul {
  /** For example `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly port: number;
  /** Ends the process by its pid and waits until it is gone. Calling it again is harmless. */
  close(): Promise<void>;
  /** SIGKILL: what a crash looks like to its clients. Waits until the process is gone. */
  kill(): Promise<void>;
}

export interface StartConsulOptions {
  /** More arguments for `consul agent`, after ours, e.g. `["-hcl", "acl { enabled = true }"]`. */
  readonly args?: readonly string[];
  /** The binary; default {@link findConsul}. */
  readonly binary?: string;
  /** The HTTP port, for one that takes the place of another; default any free one. */
  readonly httpPort?: number;
  /** To see with that it is up, where access control hides that from others. */
  readonly token?: string;
}

/** Generous: a loaded two-core machine needs a few seconds where an idle one needs one. */
const leaderTimeoutMs = 20_000;
const pollIntervalMs = 50;
/** How long an agent may take to leave after SIGTERM before SIGKILL. */
const stopTimeoutMs = 3_000;
/** A port found free can be taken by somebody else before Consul binds it. */
const startAttempts = 3;
/** Enough of the log to see why it did not start. */
const keptLogChars = 4_000;

/** The path of a Consul binary, or `undefined` when this machine has none. */
export function findConsul(): string | undefined {
  const configured = process.env["CONSUL_BIN"];
  if (configured !== undefined && configured !== "") {
    if (isExecutable(configured)) return configured;
    throw new Error(`CONSUL_BIN is "${configured}", which is not an executable file: correct it or unset it`);
  }
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, "consul"))
    .find(isExecutable);
}

/** Says that a suite was not run for want of a Consul; throws where REQUIRE_PEERS asks for one. */
export function sayNotRun(suite: string): void {
  notRun(suite, "consul", "set CONSUL_BIN or put consul on PATH");
}

/** Starts a dev agent on free loopback ports and resolves when it has a leader and its own node in the catalog. */
export async function startConsul(options: StartConsulOptions = {}): Promise<RealConsul> {
  const binary = options.binary ?? findConsul();
  if (binary === undefined) throw new Error("consul was not found: set CONSUL_BIN or put consul on PATH");
  let failure: unknown;
  for (let attempt = 0; attempt < startAttempts; attempt++) {
    try {
      return await startOnce(binary, options);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function startOnce(binary: string, options: StartConsulOptions): Promise<RealConsul> {
  const [free = 0, serf = 0, wan = 0, server = 0] = await freePorts(4);
  const http = options.httpPort ?? free;
  const ports = ["-http-port", http, "-serf-lan-port", serf, "-serf-wan-port", wan, "-server-port", server];
  const off = ["-dns-port", "-1", ...versionOf(binary).withoutGrpc];
  const args = ["agent", "-dev", "-bind", "127.0.0.1", ...ports.map(String), ...off, ...(options.args ?? [])];
  const child = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"] });
  const spawned = once(child, "spawn");
  let log = "";
  const keep = (chunk: Buffer): void => {
    log = (log + chunk.toString()).slice(-keptLogChars);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  await spawned;

  const url = `http://127.0.0.1:${http}`;
  const killOnExit = (): void => void child.kill("SIGKILL");
  process.once("exit", killOnExit);
  const close = async (): Promise<void> => {
    process.removeListener("exit", killOnExit);
    await stop(child);
  };
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await close();
  };
  try {
    await waitForLeader(child, url, options.token);
  } catch (error) {
    await close();
    throw new Error(`consul on port ${http} did not start: ${String(error)}; its log ends with:\n${log}`, {
      cause: error,
    });
  }
  return { url, port: http, close, kill };
}

async function waitForLeader(child: ChildProcess, url: string, token: string | undefined): Promise<void> {
  const giveUpAt = performance.now() + leaderTimeoutMs;
  while (!(await isReady(url, token))) {
    if (hasExited(child)) throw new Error(`it ended with code ${child.exitCode} and signal ${child.signalCode}`);
    if (performance.now() > giveUpAt) throw new Error(`no leader after ${leaderTimeoutMs} ms`);
    await delay(pollIntervalMs);
  }
}

/**
 * A leader alone is not enough: registrations are answered before they are seen until the agent has written its node. A
 * leader writes one as well, from gossip, and since 1.14 with metadata; addresses by network are the agent's to know.
 */
async function isReady(url: string, token: string | undefined): Promise<boolean> {
  const headers: Record<string, string> = token === undefined ? {} : { "X-Consul-Token": token };
  try {
    const leader = await fetch(`${url}/v1/status/leader`);
    if (((await leader.json()) as string) === "") return false;
    const nodes = await fetch(`${url}/v1/catalog/nodes`, { headers });
    const [own] = nodes.status === 200 ? ((await nodes.json()) as { TaggedAddresses: object | null }[]) : [];
    return own !== undefined && own.TaggedAddresses !== null;
  } catch {
    return false;
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (hasExited(child)) return;
  const gone = once(child, "exit");
  if (!child.killed) child.kill("SIGTERM");
  const kill = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  await gone;
  clearTimeout(kill);
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
