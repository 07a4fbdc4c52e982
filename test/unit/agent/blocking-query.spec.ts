import assert from "node:assert/strict";

import { blockingQuery, defaultWaitMs, maxWaitMs, type Reading } from "../../../agent/src/state/blocking-query.ts";
import { Journal } from "../../../agent/src/state/journal.ts";
import { ManualClock } from "./manual-clock.ts";

/** A query that blocks on a reading which the test changes. */
class Desk {
  readonly clock = new ManualClock();
  readonly journal = new Journal();
  readonly abort = new AbortController();
  reading: Reading = { index: 20, topic: "t" };
  readings = 0;
  jitter = 0;

  block(minIndex: number, waitMs: number): Promise<Reading> {
    const room = { clock: this.clock, journal: this.journal, random: () => this.jitter };
    return blockingQuery(room, { minIndex, waitMs, signal: this.abort.signal }, () => {
      this.readings += 1;
      return this.reading;
    });
  }

  /** Whether anything still waits or ticks for a query. */
  get idle(): boolean {
    return this.journal.waiting === 0 && this.clock.pending === 0;
  }

  change(index: number, topic = "t"): void {
    this.reading = { index, topic };
    this.journal.announce(["t"]);
  }
}

describe("a blocking query", () => {
  it("answers at once without an index, and with one that is past", async () => {
    const desk = new Desk();
    assert.equal((await desk.block(0, 1_000)).index, 20);
    assert.equal((await desk.block(19, 1_000)).index, 20);
    assert.ok(desk.idle);
  });

  it("waits for a higher index and leaves nothing behind", async () => {
    const desk = new Desk();
    const query = desk.block(20, 1_000);
    assert.ok(!desk.idle);
    desk.change(21);
    assert.equal((await query).index, 21);
    assert.ok(desk.idle);
  });

  it("is not even run again by other topics", async () => {
    const desk = new Desk();
    const query = desk.block(20, 1_000);
    desk.journal.announce(["other"]);
    assert.equal(desk.readings, 1);
    desk.change(30);
    assert.equal((await query).index, 30);
  });

  it("goes on waiting when its topic moved but its index did not", async () => {
    const desk = new Desk();
    const query = desk.block(20, 1_000);
    desk.change(20);
    assert.ok(!desk.idle);
    desk.clock.advance(1_000);
    assert.equal((await query).index, 20);
  });

  it("follows its reading to another topic", async () => {
    const desk = new Desk();
    const query = desk.block(20, 1_000);
    desk.change(20, "moved");
    desk.reading = { index: 22, topic: "moved" };
    desk.journal.announce(["moved"]);
    assert.equal((await query).index, 22);
    assert.ok(desk.idle);
  });

  it("answers with what it has when the wait is over, a sixteenth later at most", async () => {
    const desk = new Desk();
    desk.jitter = 0.5;
    const query = desk.block(20, 16_000);
    desk.clock.advance(16_499);
    assert.ok(!desk.idle);
    desk.clock.advance(1);
    assert.equal((await query).index, 20);
    assert.ok(desk.idle);
  });

  it("waits five minutes unless told, and ten at most", async () => {
    for (const [asked, waited] of [
      [0, defaultWaitMs],
      [-1, defaultWaitMs],
      [maxWaitMs + 1, maxWaitMs],
    ] as const) {
      const desk = new Desk();
      const query = desk.block(20, asked);
      desk.clock.advance(waited - 1);
      assert.ok(!desk.idle, `${asked} ms ended early`);
      desk.clock.advance(1);
      assert.equal((await query).index, 20);
    }
  });

  it("waits on an index from the future as on any other", async () => {
    const desk = new Desk();
    const query = desk.block(1_000_000, 1_000);
    desk.change(21);
    assert.ok(!desk.idle);
    desk.clock.advance(1_000);
    assert.equal((await query).index, 21);
  });

  it("is forgotten when the caller goes away, before or while it blocks", async () => {
    const desk = new Desk();
    const query = desk.block(20, 1_000);
    desk.abort.abort(new Error("gone"));
    await assert.rejects(query, /gone/);
    await assert.rejects(desk.block(20, 1_000), /gone/);
    assert.ok(desk.idle);
  });

  it("fails with its reading, and leaves nothing behind", async () => {
    const desk = new Desk();
    let broken = false;
    const room = { clock: desk.clock, journal: desk.journal, random: () => 0 };
    const query = blockingQuery(room, { minIndex: 20, waitMs: 1_000, signal: desk.abort.signal }, () => {
      if (broken) throw new Error("unreadable");
      return desk.reading;
    });
    broken = true;
    desk.journal.announce(["t"]);
    await assert.rejects(query, /unreadable/);
    assert.ok(desk.idle);
  });
});
