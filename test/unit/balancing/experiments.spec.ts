/**
 * What the default policy is for, as experiments over several seeds: a server that turns slow (after Buoyant's
 * comparison of balancers: round robin 95 %, least loaded 99 %, peak EWMA 99.9 % of calls within a second) and a server
 * that fails faster than its peers answer.
 */
import assert from "node:assert/strict";
import { p2c } from "../../../sdk/src/balancing/p2c.ts";
import type { PickPolicyFactory } from "../../../sdk/src/balancing/pick-policy.ts";
import { roundRobin } from "../../../sdk/src/balancing/round-robin.ts";
import { type Call, type Experiment, run, share } from "./fleet.ts";

const SEEDS = [1, 2, 3, 4, 5];

const inTime = (call: Call) => call.durationMs <= 1_000;
const failed = (call: Call) => call.verdict !== "success";

/** 11 servers answer in 167 ms, one of them in 2 s from the 15th to the 45th of 60 seconds. */
function slowServer(policy: PickPolicyFactory, seed: number): Call[] {
  return run({
    policy,
    seed,
    servers: 11,
    callsPerSecond: 1_000,
    seconds: 60,
    answer: (server, nowMs, chance) => {
      const slow = server === 0 && nowMs >= 15_000 && nowMs < 45_000;
      return { afterMs: slow ? 2_000 : 162 + 10 * chance(), verdict: "success" };
    },
  });
}

/** One of 10 servers fails at once, the others answer in their time, give or take a tenth. */
function sinkhole(options: Partial<Experiment> & { answerMs: number; verdict: "failure" | "overload" }): Call[] {
  const { answerMs, verdict, ...rest } = options;
  return run({
    policy: p2c,
    seed: 1,
    servers: 10,
    callsPerSecond: 1_000,
    seconds: 30,
    answer: (server, _, chance) =>
      server === 0 ? { afterMs: 1, verdict } : { afterMs: answerMs * (0.9 + 0.2 * chance()), verdict: "success" },
    ...rest,
  });
}

function percent(part: number): string {
  return `${(part * 100).toFixed(3)} %`;
}

describe("balancing experiments", () => {
  it("p2c keeps 99.9 % of calls within a second though one of 11 servers turns slow", () => {
    for (const seed of SEEDS) {
      const good = share(slowServer(p2c, seed), inTime);
      assert.ok(good >= 0.999, `seed ${seed}: ${percent(good)}`);
    }
  });

  it("round robin does not", () => {
    const good = share(slowServer(roundRobin, 1), inTime);
    assert.ok(good > 0.945 && good < 0.965, percent(good));
  });

  it("p2c sends hardly a call to a server that fails at once", () => {
    for (const seed of SEEDS) {
      const calls = sinkhole({ seed, answerMs: 167, verdict: "failure" });
      const bad = share(calls, failed);
      const badLater = share(
        calls.filter((call) => call.startedMs > 2_000),
        failed,
      );
      assert.ok(bad <= 0.001 && badLater <= 0.0005, `seed ${seed}: ${percent(bad)}, later ${percent(badLater)}`);
    }
  });

  it("p2c would send it a fifth of the calls if failures were counted as answers", () => {
    const bad = share(sinkhole({ answerMs: 167, verdict: "failure", reading: () => "success" }), failed);
    assert.ok(bad > 0.15, percent(bad));
  });

  it("p2c avoids it also when its peers are slow and busy, and look worse than any fixed penalty", () => {
    for (const seed of SEEDS) {
      const bad = share(
        sinkhole({ seed, answerMs: 2_000, callsPerSecond: 100, seconds: 120, verdict: "failure" }),
        failed,
      );
      assert.ok(bad <= 0.003, `seed ${seed}: ${percent(bad)}`);
    }
  });

  it("p2c avoids a server that rejects at once because it has too much to do", () => {
    for (const seed of SEEDS) {
      const bad = share(sinkhole({ seed, answerMs: 167, verdict: "overload" }), failed);
      assert.ok(bad <= 0.001, `seed ${seed}: ${percent(bad)}`);
    }
  });

  it("p2c gives a server that has recovered its calls back", () => {
    for (const seed of SEEDS) {
      const calls = run({
        policy: p2c,
        seed,
        servers: 10,
        callsPerSecond: 500,
        seconds: 60,
        answer: (server, nowMs) =>
          server === 0 && nowMs < 5_000 ? { afterMs: 1, verdict: "failure" } : { afterMs: 167, verdict: "success" },
      });
      const late = share(
        calls.filter((call) => call.startedMs > 45_000),
        (call) => call.server === 0,
      );
      assert.ok(late > 0.08 && late < 0.12, `seed ${seed}: ${percent(late)}`);
    }
  });

  it("p2c shares a quiet client's calls among equal servers from the start, though fresh ones answer slowly", () => {
    for (const seed of SEEDS) {
      const answered = [0, 0, 0];
      const calls = run({
        policy: p2c,
        seed,
        servers: 3,
        callsPerSecond: 100,
        seconds: 30,
        answer: (server, _, chance) => {
          const fresh = (answered[server] = (answered[server] ?? 0) + 1) <= 2;
          return { afterMs: fresh ? 30 + 60 * chance() : 1.6 + 0.8 * chance(), verdict: "success" };
        },
      });
      for (const [from, to] of [
        [1_000, 4_000],
        [10_000, 30_000],
      ] as const) {
        const part = calls.filter(({ startedMs }) => startedMs >= from && startedMs < to);
        const shares = answered.map((_, server) => share(part, (call) => call.server === server));
        const told = `seed ${seed}, ${from} to ${to} ms: ${shares.map(percent).join(", ")}`;
        assert.ok(Math.min(...shares) >= 0.25 && Math.max(...shares) <= 0.42, told);
      }
    }
  });
});
