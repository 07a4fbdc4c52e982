import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { Endpoint } from "../../../sdk/src/balancing/endpoint.ts";
import type { Logger } from "../../../sdk/src/call/logger.ts";
import { diskMemory, type DiskMemoryOptions, snapshotPath } from "../../../sdk/src/discovery/disk-memory.ts";
import type { ViewMemory } from "../../../sdk/src/discovery/view-memory.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";

const SOURCE = "http://127.0.0.1:8500";
const EPOCH = 1_700_000_000_000;
const HOUR_MS = 3_600_000;

const endpoint = (id: string): Endpoint => ({ id, address: { host: "127.0.0.1", port: 1 }, weight: 1, metadata: {} });
const live = (...ids: string[]) => ({ endpoints: ids.map(endpoint), freshness: "live" as const });

describe("views remembered on disk", () => {
  let folder: string;
  let clock: VirtualClock;
  let opened: ViewMemory[];
  let logged: string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "views-"));
    clock = new VirtualClock(EPOCH);
    opened = [];
    logged = [];
  });

  afterEach(async () => {
    await Promise.all(opened.map((one) => one.close()));
    assert.equal(clock.pending, 0, "a timer is left");
    await rm(folder, { recursive: true, force: true });
  });

  function open(options: Partial<DiskMemoryOptions> = {}): ViewMemory {
    const at = (level: string) => (_fields: unknown, text: string) => void logged.push(`${level}: ${text}`);
    const log = { warn: at("warn"), info: at("info") } as unknown as Logger;
    const memory = diskMemory({ folder, service: "shop", source: SOURCE, clock, log, ...options });
    opened.push(memory);
    return memory;
  }

  const path = (): string => snapshotPath({ folder, service: "shop", source: SOURCE });

  async function ids(memory: ViewMemory, service = "greeter"): Promise<readonly string[] | undefined> {
    return (await memory.recall(service))?.endpoints.map(({ id }) => id);
  }

  it("outlive the process, with the time of which they are", async () => {
    const first = open();
    assert.equal(await first.recall("greeter"), undefined);
    first.viewed("greeter", live("g-1", "g-2"));
    clock.advance(500);
    first.confirmed("greeter");
    await first.close();
    clock.advance(HOUR_MS);
    const remembered = await open().recall("greeter");
    assert.deepEqual(remembered?.endpoints, live("g-1", "g-2").endpoints);
    assert.equal(remembered?.confirmedAt, EPOCH + 500);
    assert.deepEqual(logged, []);
  });

  it("are those that were live: what is only guessed is not remembered", async () => {
    const memory = open();
    memory.viewed("greeter", live("g-1"));
    memory.viewed("greeter", { endpoints: [endpoint("g-2")], freshness: "stale", error: new Error("x") });
    await memory.close();
    assert.deepEqual(await ids(open()), ["g-1"]);
  });

  it("are written once for many changes, a second after the first, and again after five minutes of the same", async () => {
    const memory = open();
    await memory.recall("greeter");
    for (let change = 0; change < 10; change++) memory.viewed("greeter", live(`g-${change}`));
    await clock.advanceAsync(999);
    assert.deepEqual(await readdir(folder), []);
    await clock.advanceAsync(1);
    await until(async () => (await confirmedAt()) === EPOCH);
    assert.deepEqual(await ids(open()), ["g-9"]);
    await clock.advanceAsync(200_000);
    memory.confirmed("greeter");
    await clock.advanceAsync(98_999);
    assert.equal(await confirmedAt(), EPOCH);
    await clock.advanceAsync(1);
    await until(async () => (await confirmedAt()) === EPOCH + 201_000);
  });

  /** What the file says of when the greeter was last confirmed. */
  async function confirmedAt(): Promise<number | undefined> {
    const text = await readFile(path(), "utf8").catch(() => "");
    return Number(/"service":"greeter","confirmedAt":(\d+)/.exec(text)?.[1]);
  }

  /** Writing is under way: it ends after some turns of the event loop, or the test does. */
  async function until(done: () => Promise<boolean>): Promise<void> {
    while (!(await done())) await turn();
  }

  it("are shared: each process adds what it knows, and the newer stands", async () => {
    const a = open();
    const b = open();
    await Promise.all([a.recall("x"), b.recall("x")]);
    a.viewed("greeter", live("g-1"));
    a.viewed("shared", live("old"));
    clock.advance(1);
    b.viewed("translator", live("t-1"));
    b.viewed("shared", live("new"));
    await b.close();
    await a.close();
    const later = open();
    assert.deepEqual(await ids(later), ["g-1"]);
    assert.deepEqual(await ids(later, "translator"), ["t-1"]);
    assert.deepEqual(await ids(later, "shared"), ["new"]);
  });

  it("stay whole however many processes write at once", async () => {
    const all = Array.from({ length: 8 }, () => open());
    for (const [at, memory] of all.entries()) memory.viewed(`s-${at}`, live(`e-${at}`));
    await Promise.all(all.map((memory) => memory.close()));
    assert.deepEqual(logged, []);
    const later = open();
    const known = await Promise.all(all.map((_, at) => later.recall(`s-${at}`)));
    assert.ok(known.some((one) => one !== undefined));
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.endsWith(".tmp")),
      [],
    );
  });

  it("are of one cluster and one kind of process", async () => {
    const memory = open();
    memory.viewed("greeter", live("g-1"));
    await memory.close();
    assert.equal(await ids(open({ source: "http://10.0.0.9:8500" })), undefined);
    assert.equal(await ids(open({ service: "other" })), undefined);
  });

  it("are not believed when they are too old", async () => {
    const memory = open();
    memory.viewed("greeter", live("g-1"));
    await memory.close();
    clock.advance(24 * HOUR_MS);
    assert.deepEqual(await ids(open()), ["g-1"]);
    clock.advance(1);
    assert.equal(await ids(open()), undefined);
    assert.match(logged.join(), /^info: what 1 services were known to be is not used: it is too old$/);
    assert.deepEqual(await ids(open({ maxAgeMs: 48 * HOUR_MS })), ["g-1"]);
  });

  it("are not believed when they are of a time to come", async () => {
    const memory = open();
    memory.viewed("greeter", live("g-1"));
    await memory.close();
    clock = new VirtualClock(EPOCH - HOUR_MS);
    assert.equal(await ids(open()), undefined);
  });

  for (const [what, content] of [
    ["is damaged", "{}\n"],
    [
      "is cut short",
      '{"format":"meshwork-endpoints","version":1,"source":"http://127.0.0.1:8500","sha256":"00"}\n{"serv',
    ],
  ] as const) {
    it(`are done without when the file ${what}, and replaced`, async () => {
      await writeFile(path(), content);
      const memory = open();
      assert.equal(await ids(memory), undefined);
      assert.match(logged.join(), /^warn: what services were known to be is not used: .*; it will be replaced$/);
      memory.viewed("greeter", live("g-1"));
      await memory.close();
      assert.deepEqual(await ids(open()), ["g-1"]);
    });
  }

  it("are done without when the file cannot be read or written, which is said once", async () => {
    await mkdir(path());
    const memory = open();
    assert.equal(await ids(memory), undefined);
    memory.viewed("greeter", live("g-1"));
    await clock.advanceAsync(1_000);
    memory.viewed("greeter", live("g-2"));
    await memory.close();
    assert.deepEqual(await ids(memory), ["g-2"], "it still knows what it has seen itself");
    const unwritten = logged.filter((line) => /cannot be remembered: check that .* may write/.test(line));
    assert.equal(unwritten.length, 1);
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.endsWith(".tmp")),
      [],
    );
  });

  it("make their folder, and are for this user alone", async () => {
    folder = join(folder, "a", "b");
    const memory = open();
    memory.viewed("greeter", live("g-1"));
    await memory.close();
    assert.equal((await stat(path())).mode & 0o777, 0o600);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
  });

  it("remove what a process that was killed while it wrote has left", async () => {
    const abandoned = `${path()}.1.abcd.tmp`;
    const recent = `${path()}.2.abcd.tmp`;
    await writeFile(abandoned, "");
    await writeFile(recent, "");
    await utimes(abandoned, new Date(EPOCH - 2 * HOUR_MS), new Date(EPOCH - 2 * HOUR_MS));
    await utimes(recent, new Date(EPOCH), new Date(EPOCH));
    await open().recall("greeter");
    assert.deepEqual(
      (await readdir(folder)).map((name) => join(folder, name)),
      [recent],
    );
  });

  it("of a name that is no file's are kept under one that is", async () => {
    const memory = open({ service: "../../etc/passwd" });
    memory.viewed("greeter", live("g-1"));
    await memory.close();
    assert.deepEqual(await ids(open({ service: "../../etc/passwd" })), ["g-1"]);
    assert.equal((await readdir(folder)).length, 1);
  });
});
