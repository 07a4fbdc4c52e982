/** The demo as people and programs start it: as a process, with and without a Consul, ended in every way. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { FLEET } from "../../services/demo/src/fleet.ts";
import { type Listed, Listing } from "../../services/demo/src/listing.ts";
import { findConsul, sayNotRun, startConsul } from "../support/real-consul.ts";

const MAIN = fileURLToPath(new URL("../../services/demo/src/main.ts", import.meta.url));
const GONE_WITHIN_MS = 8_000;

interface Result {
  readonly registry: string;
  readonly calls: number;
  readonly ok: number;
  readonly failed: number;
  readonly instances: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Demo {
  readonly child: ChildProcess;
  readonly stdout: Promise<string>;
  readonly stderr: Promise<string>;
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe("the demo", function () {
  this.timeout(60_000);

  let nowhere: string;
  before(async () => {
    nowhere = `127.0.0.1:${await closedPort()}`;
  });

  it("makes its calls with an agent of its own where no Consul answers, and says how they went in one line", async () => {
    const { code, stdout, stderr } = await end(start(["--calls", "300", "--json"], nowhere));
    assert.equal(stderr, "");
    assert.equal(code, 0);
    checkResult(stdout, "agent");
  });

  it("registers with a real Consul, its checks passing, and takes everything out again", async () => {
    if (findConsul() === undefined) return sayNotRun("the demo with Consul");
    const consul = await startConsul();
    try {
      const demo = start(["--calls", "300", "--json"], consul.url);
      await Promise.all([allPassing(consul.url, "greeter"), allPassing(consul.url, "translator")]);
      const catalog = (await (await fetch(`${consul.url}/v1/catalog/services`)).json()) as object;
      assert.deepEqual(Object.keys(catalog).sort(), ["consul", "greeter", "translator"]);
      const { code, stdout, stderr } = await end(demo);
      assert.equal(stderr, "");
      assert.equal(code, 0);
      checkResult(stdout, "consul");
      const after = (await (await fetch(`${consul.url}/v1/agent/services`)).json()) as object;
      assert.deepEqual(after, {});
    } finally {
      await consul.close();
    }
  });

  it("loses no call when a greeter is killed under 200 calls per second, starts it again, and leaves nothing", async function () {
    // A greeter takes seconds to start where other work has the cores.
    this.timeout(90_000);
    const demo = start(["--rate", "200", "--kill-after", "1", "--seconds", "20"], nowhere);
    const children = await serving(demo);
    assert.equal(children.length, 5, "three greeters and two translators");
    const { code, stdout, stderr } = await end(demo);
    assert.equal(stderr, "");
    assert.match(stdout, /our own agent at http:\/\/127\.0\.0\.1:\d+; Consul at http:\S+ does not answer/);
    const killed = /(greeter-\d) \(process (\d+)\) is killed, SIGKILL/.exec(stdout);
    assert.ok(children.includes(Number(killed?.[2])), stdout);
    assert.match(stdout, /callers since greeter-\d was killed: 0 calls failed; \d+ attempts? lost/);
    assert.match(stdout, new RegExp(`${killed?.[1]} takes calls again`));
    assert.match(stdout, /\n(\d+) calls in 20\.\d s: \1 answered, 0 failed;/);
    assert.equal(code, 0);
    await gone(children);
  });

  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    it(`leaves nothing running when it is ended by ${signal}`, async () => {
      const demo = start(["--no-kill"], nowhere);
      const children = await serving(demo);
      assert.equal(children.length, 5);
      demo.child.kill(signal);
      const { code, stdout } = await end(demo);
      assert.equal(code, signal === "SIGKILL" ? null : 0, stdout);
      if (signal !== "SIGKILL") assert.match(stdout, / answered, 0 failed/);
      await gone(children);
    });
  }

  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    it(`leaves nothing running when ${signal} ends it while it starts`, async () => {
      const demo = start([], nowhere);
      const children = await started(demo, 5);
      demo.child.kill(signal);
      const { code, stderr } = await end(demo);
      assert.equal(code, 1);
      assert.equal(stderr, "demo: told to end before all instances had started\n");
      await gone(children);
    });
  }

  it("refuses what it does not understand, before it starts anything", async () => {
    const { code, stdout, stderr } = await end(start(["--calls", "many", "--fast"], nowhere));
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.equal(
      stderr,
      'demo: --calls is "many": give a whole number of calls, 1 to 1000000\n"--fast" is not an option: see --help for those there are\n',
    );
  });

  it("says that an address of Consul is none", async () => {
    const { code, stderr } = await end(start([], "nowhere"));
    assert.equal(code, 1);
    assert.match(stderr, /^demo: INVALID_ARGUMENT: CONSUL_HTTP_ADDR "nowhere" is no address/);
  });
});

function start(args: readonly string[], consul: string): Demo {
  const options = ["--conditions=meshwork-source", "--import", "tsx"];
  const kept = Object.entries(process.env).filter(([name]) => !/^(CONSUL_HTTP|MESH|npm)_/.test(name));
  const env = { ...Object.fromEntries(kept), CONSUL_HTTP_ADDR: consul };
  const child = spawn(process.execPath, [...options, MAIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  return { child, stdout: text(child.stdout), stderr: text(child.stderr) };
}

async function end({ child, stdout, stderr }: Demo): Promise<Ended> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return { code: child.exitCode, stdout: await stdout, stderr: await stderr };
}

/** Resolves once the demo has said something that matches. */
function said({ child }: Demo, what: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let heard = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      heard += chunk.toString();
      if (what.test(heard)) resolve();
    });
    child.once("exit", () => reject(new Error(`the demo ended without saying ${what}; it said:\n${heard}`)));
  });
}

/** Its processes, once all serve. */
async function serving(demo: Demo): Promise<readonly number[]> {
  await said(demo, /three greeters and two translators serve/);
  return childrenOf(demo.child.pid!);
}

/** So many of its processes, as soon as there are as many; nothing tells of a process that does not speak yet. */
async function started({ child }: Demo, count: number): Promise<readonly number[]> {
  for (;;) {
    const children = childrenOf(child.pid!);
    if (children.length >= count) return children;
    assert.equal(child.exitCode, null, "the demo ended before it had started its processes");
    await pause(5);
  }
}

/** Nobody tells of the end of a process that is not one's child; the tests look. */
async function gone(pids: readonly number[]): Promise<void> {
  const giveUpAt = performance.now() + GONE_WITHIN_MS;
  for (let left = pids; ; left = left.filter(isRunning)) {
    if (left.length === 0) return;
    assert.ok(performance.now() < giveUpAt, `processes ${left.join(", ")} still run`);
    await pause(20);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" && !existsSync("/proc");
  }
}

/** Ids of node's processes alone: tsx may have started a compiler of its own, which ends with the demo. */
function childrenOf(parent: number): readonly number[] {
  const processes = existsSync("/proc/self/stat") ? readProc() : readPs();
  // Newer Node.js names its processes "MainThread"; the other children are the loader's esbuild.
  return processes.filter((one) => one.parent === parent && !one.name.includes("esbuild")).map(({ pid }) => pid);
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
}

function readProc(): readonly Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [, command = "", parent] = /\((.*)\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, "utf8")) ?? [];
        return [{ pid: Number(name), parent: Number(parent), name: command }];
      } catch {
        return []; // It has ended since.
      }
    });
}

function readPs(): readonly Process[] {
  const listing = execFileSync("ps", ["-A", "-o", "pid=,ppid=,comm="], { encoding: "utf8" });
  return [...listing.matchAll(/^\s*(\d+)\s+(\d+)\s+(.*)$/gm)].map(([, pid, parent, name = ""]) => ({
    pid: Number(pid),
    parent: Number(parent),
    name,
  }));
}

/** Resolves once every instance of a service is listed and passes. */
function allPassing(url: string, service: keyof typeof FLEET): Promise<readonly Listed[]> {
  return new Promise((resolve) => {
    const listing = new Listing({ url }, service, () => {
      const passing = listing.instances.filter((one) => one.passing);
      if (passing.length < FLEET[service].length) return;
      listing.close();
      resolve(passing);
    });
  });
}

function checkResult(stdout: string, registry: string): void {
  assert.match(stdout, /^\{.*\}\n$/, "one line");
  const result = JSON.parse(stdout) as Result;
  const keys = ["registry", "calls", "ok", "failed", "instances", "p50Ms", "p99Ms"];
  assert.deepEqual(Object.keys(result), keys);
  const { calls, ok, failed, instances, p50Ms, p99Ms } = result;
  assert.deepEqual({ registry: result.registry, calls, ok, failed }, { registry, calls: 300, ok: 300, failed: 0 });
  assert.deepEqual(Object.keys(instances), ["greeter-1", "greeter-2", "greeter-3"], stdout);
  const answered = Object.values(instances).reduce((sum, count) => sum + count, 0);
  assert.equal(answered, 300);
  assert.ok(p50Ms > 0 && p99Ms >= p50Ms, stdout);
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
