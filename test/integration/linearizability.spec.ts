/**
 * Concurrent histories over registries that really run, generated, recorded and explained: keys under compare-and-set are a
 * register, locks have one holder at a time with a token that only grows, and a store that heeds the tokens takes no write of one
 * who has been overtaken. Pauses are injected: the client's clock goes on by more than the TTL, and the test ends its
 * session, as its TTL would have. One session to each registry really runs out, while the histories run.
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { startAgent } from "@meshwork/agent";
import * as fc from "fast-check";
import { after, before, describe, it } from "mocha";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { MeshError } from "../../sdk/src/call/mesh-error.ts";
import { ConsulHttp } from "../../sdk/src/consul/consul-http.ts";
import { kvDelete, kvGet, kvPut } from "../../sdk/src/consul/kv-api.ts";
import { destroySession } from "../../sdk/src/consul/session-api.ts";
import { kvTransaction } from "../../sdk/src/consul/txn-api.ts";
import { consulStore } from "../../sdk/src/coordination/consul-store.ts";
import { Coordination } from "../../sdk/src/coordination/coordination.ts";
import { UNOBSERVED } from "../../sdk/src/coordination/coordination-observer.ts";
import { fencedStore, type FencedStore } from "../support/coordination-docs.ts";
import { findCurrentConsul } from "../support/current-consul.ts";
import { linearize, type Model, type Operation } from "../support/linearizable.ts";
import { recordedLog } from "../support/logs.ts";
import { notRun } from "../support/not-run.ts";
import { findConsul, sayNotRun, startConsul } from "../support/real-consul.ts";
import { SkippingClock } from "../unit/coordination/skipping-clock.ts";

interface Registry {
  readonly url: string;
  close(): Promise<void>;
}

/** Of each kind of history over each registry. */
const SEARCH_FOR_MS = 3_000;
const CLIENTS = 3;
const TTL_MS = 10_000;

interface Place {
  readonly name: string;
  readonly start: () => Promise<Registry>;
}

const places: Place[] = [{ name: "our agent", start: () => startAgent({ port: 0 }) }];
const real = findConsul();
if (real !== undefined) places.push({ name: "a real Consul", start: () => startConsul({ binary: real }) });
const current = findCurrentConsul();
if (current !== undefined) places.push({ name: "a current Consul", start: () => startConsul({ binary: current }) });

/** Records what operations were called and answered. */
class History<Op> {
  readonly operations: Operation<Op>[] = [];

  /** @param read what the operation was, by its answer; undefined: it says nothing. */
  async record<T>(work: () => Promise<T>, read: (answer: T) => Op | undefined, unanswered: Op | undefined): Promise<T> {
    const calledAt = performance.now();
    try {
      const answer = await work();
      const op = read(answer);
      if (op !== undefined) this.operations.push({ op, calledAt, returnedAt: performance.now() });
      return answer;
    } catch (error) {
      if (unanswered !== undefined) this.operations.push({ op: unanswered, calledAt, returnedAt: Infinity });
      throw error;
    }
  }

  explain<State>(initial: State, model: Model<State, Op>): void {
    const shown = (): string => this.operations.map((one) => JSON.stringify(one)).join("\n");
    assert.ok(linearize(this.operations, initial, model) !== undefined, `no order explains\n${shown()}`);
  }
}

/** null: no such key. done: undefined when no answer came. */
type RegisterOp =
  | { readonly kind: "read"; readonly value: string | null }
  | { readonly kind: "put"; readonly value: string }
  | {
      readonly kind: "cas";
      readonly from: string | null;
      readonly to: string | null;
      readonly done: boolean | undefined;
    };

const register: Model<string | null, RegisterOp> = (state, op) => {
  switch (op.kind) {
    case "read":
      return op.value === state ? state : undefined;
    case "put":
      return op.value;
    case "cas":
      if (op.done === undefined) return op.from === state ? op.to : undefined;
      // Consul takes a conditional deletion of what is gone for done.
      if (op.to === null && state === null) return op.done ? null : undefined;
      if (op.done !== (op.from === state)) return undefined;
      return op.done ? op.to : state;
  }
};

interface LockState {
  readonly holder: number;
  readonly last: number;
}

interface LockOp {
  /** "ended": its session. */
  readonly kind: "acquired" | "released" | "ended";
  readonly token: number;
}

const lock: Model<LockState, LockOp> = ({ holder, last }, { kind, token }) => {
  if (kind !== "acquired") return holder === token ? { holder: 0, last } : undefined;
  return holder === 0 && token > last ? { holder: token, last: token } : undefined;
};

const registerPlan = fc.array(
  fc.array(
    fc.record({
      kind: fc.constantFrom("read" as const, "read", "cas", "cas", "txn", "put", "delete"),
      restMs: fc.nat(3),
      hurried: fc.nat(9).map((one) => one === 0),
    }),
    { minLength: 3, maxLength: 9 },
  ),
  { minLength: CLIENTS, maxLength: CLIENTS },
);

const lockPlan = fc.record({
  lockDelayMs: fc.nat(19).map((one) => (one === 0 ? 20 : 0)),
  rounds: fc.array(
    fc.array(fc.record({ restMs: fc.nat(4), workMs: fc.nat(4), pausedMs: fc.constantFrom(0, 0, 0, 1, 10, 60) }), {
      minLength: 1,
      maxLength: 5,
    }),
    { minLength: CLIENTS, maxLength: CLIENTS },
  ),
});

type LockPlan = typeof lockPlan extends fc.Arbitrary<infer Plan> ? Plan : never;

describe("histories", () => {
  const registries = new Map<Place, Registry>();
  /** What came of a TTL that really runs out: twice 10 s, over all registries at once. */
  const expiries = new Map<Place, Promise<string>>();
  let Store: new <T>() => FencedStore<T>;

  before(async function () {
    this.timeout(60_000);
    Store = await fencedStore();
    await Promise.all(places.map(async (place) => registries.set(place, await place.start())));
    for (const [place, { url }] of registries) {
      const expiry = runOut(url);
      expiry.catch(() => {});
      expiries.set(place, expiry);
    }
  });

  after(async () => {
    await Promise.all([...registries.values()].map((registry) => registry.close()));
  });

  if (real === undefined)
    it("are checked over a real Consul where there is one", () => sayNotRun("the check of histories"));
  if (current === undefined) {
    it("are checked over a current Consul where there is one", () =>
      notRun("the check of histories", "current-consul", "npm run test:registry builds one where Go is"));
  }
  for (const place of places) overRegistry(place);
  for (const place of places) {
    it(`hand on the lock of one cut off from ${place.name} when its TTL has run out, and not before it knows`, async function () {
      this.timeout(60_000);
      console.log(`      ${place.name}: ${await expiries.get(place)}`);
    });
  }

  function overRegistry(place: Place): void {
    const { name } = place;
    let https: ConsulHttp[];
    let serial = 0;

    before(() => {
      const { url } = registries.get(place)!;
      https = Array.from({ length: CLIENTS }, () => new ConsulHttp({ url }, systemClock));
    });

    after(() => {
      for (const http of https) http.close();
    });

    async function search<T>(plan: fc.Arbitrary<T>, run: (plan: T) => Promise<void>): Promise<void> {
      const limits = { numRuns: 100_000, interruptAfterTimeLimit: SEARCH_FOR_MS, endOnFailure: true };
      await fc.assert(fc.asyncProperty(plan, run), limits);
    }

    it(`are those of a register under compare-and-set (${name})`, async function () {
      this.timeout(30_000);
      let histories = 0;
      let operations = 0;
      let unanswered = 0;
      await search(registerPlan, async (plan) => {
        const key = `histories/${++serial}`;
        const history = new History<RegisterOp>();
        await Promise.all(
          plan.map(async (steps, client) => {
            let seen = { value: null as string | null, index: 0 };
            for (const [at, { kind, restMs, hurried }] of steps.entries()) {
              await delay(restMs);
              const bounds = hurried ? { timeoutMs: 1 } : {};
              const next = kind === "delete" ? null : `${client}.${at}`;
              const written = Buffer.from(next ?? "");
              const compare = (work: () => Promise<boolean>): Promise<boolean> => {
                const op = { kind: "cas", from: seen.value, to: next } as const;
                return history.record(work, (done) => ({ ...op, done }), { ...op, done: undefined });
              };
              const http = https[client]!;
              const work = async (): Promise<unknown> => {
                switch (kind) {
                  case "cas":
                    return compare(() => kvPut(http, key, written, { cas: seen.index }, bounds));
                  case "txn":
                    return compare(async () => {
                      const cas = { verb: "cas", key, value: written, index: seen.index } as const;
                      return (await kvTransaction(http, [cas], bounds)).committed;
                    });
                  case "delete":
                    return seen.index > 0 && compare(() => kvDelete(http, key, { cas: seen.index }, bounds));
                  case "put": {
                    const put = { kind: "put", value: `${client}.${at}` } as const;
                    return history.record(
                      () => kvPut(http, key, written, {}, bounds),
                      () => put,
                      put,
                    );
                  }
                  case "read": {
                    const entry = await history.record(
                      () => kvGet(http, key, { consistency: "consistent" }, bounds),
                      (found) => ({ kind: "read", value: found === undefined ? null : text(found.value) }),
                      undefined,
                    );
                    return (seen = {
                      value: entry === undefined ? null : text(entry.value),
                      index: entry?.modifyIndex ?? 0,
                    });
                  }
                }
              };
              await work().catch((error: unknown) => assert.ok(hurried && error instanceof MeshError, String(error)));
            }
          }),
        );
        history.explain(null, register);
        histories++;
        operations += history.operations.length;
        unanswered += history.operations.filter(({ returnedAt }) => returnedAt === Infinity).length;
      });
      console.log(
        `      ${name}: ${histories} histories of a register, ${operations} operations, ${unanswered} of them unanswered`,
      );
      assert.ok(histories >= 5 && unanswered > 0);
    });

    it(`have one holder of a lock, growing tokens, and no accepted write of one overtaken (${name})`, async function () {
      this.timeout(30_000);
      const counted = { histories: 0, acquired: 0, paused: 0, accepted: 0, refused: 0 };
      const play = async ({ lockDelayMs, rounds }: LockPlan): Promise<void> => {
        const lockName = `histories/${++serial}`;
        const history = new History<LockOp>();
        const store = new Store<string>();
        const accepted: number[] = [];
        const tokens = new Set<number>();
        /** Whether the store takes a write of this token. */
        const write = (token: number): boolean => {
          try {
            store.write("it", `${token}`, token);
          } catch {
            return false;
          }
          accepted.push(token);
          return true;
        };
        const clients = rounds.map((_, client) => coordinationOf(https[client]!, `client ${client}`));
        await Promise.all(
          rounds.map(async (steps, client) => {
            const { coordination, clock } = clients[client]!;
            const contended = coordination.lock(lockName, { lockDelayMs, ttlMs: TTL_MS });
            for (const { restMs, workMs, pausedMs } of steps) {
              await delay(restMs);
              const held = await history.record(
                () => contended.acquire({ timeoutMs: 15_000 }),
                ({ token }): LockOp => ({ kind: "acquired", token }),
                undefined,
              );
              const { token } = held;
              assert.ok(!tokens.has(token), `token ${token} has two holders`);
              tokens.add(token);
              assert.ok(held.held && write(token), `the holder of ${token} may not write`);
              await delay(workMs);
              const op = { token, kind: pausedMs > 0 ? "ended" : "released" } as const;
              if (pausedMs === 0) {
                assert.ok(held.held && write(token), `the holder of ${token} may not write any more`);
                await history.record(
                  () => held.release(),
                  () => op,
                  undefined,
                );
                continue;
              }
              const session = (await kvGet(https[client]!, `meshwork/lock/${lockName}`))?.session ?? "";
              clock.skip(TTL_MS);
              await history.record(
                () => destroySession(https[client]!, session),
                () => op,
                undefined,
              );
              await delay(pausedMs);
              assert.ok(!held.held, `the holder of ${token} does not know after its pause`);
              counted.paused++;
              // A process that has not asked writes what it was about to.
              const overtaken = Math.max(...accepted) > token;
              assert.equal(write(token), !overtaken);
              if (overtaken) counted.refused++;
            }
          }),
        );
        await Promise.all(clients.map(({ coordination }) => coordination.close()));
        history.explain({ holder: 0, last: 0 }, lock);
        assert.deepEqual(
          accepted,
          accepted.toSorted((one, other) => one - other),
        );
        counted.histories++;
        counted.acquired += tokens.size;
        counted.accepted += accepted.length;
      };
      // Most of a history is waiting, so several go on beside each other.
      await search(fc.array(lockPlan, { minLength: 4, maxLength: 4 }), async (plans) => {
        await Promise.all(plans.map(play));
      });
      const { histories, acquired, paused, accepted, refused } = counted;
      console.log(
        `      ${name}: ${histories} histories of a lock, ${acquired} acquisitions, ${paused} pauses longer than the TTL, ` +
          `${accepted} writes accepted, ${refused} refused for an old token`,
      );
      assert.ok(histories >= 2 && paused > 0 && refused > 0);
    });
  }
});

function coordinationOf(http: ConsulHttp, holder: string): { coordination: Coordination; clock: SkippingClock } {
  const clock = new SkippingClock(systemClock);
  const store = consulStore(http, { clock: systemClock });
  const { log } = recordedLog();
  const coordination = new Coordination({ store, clock, random: Math.random, log, holder, observer: UNOBSERVED });
  return { coordination, clock };
}

/** A holder whose requests reach nobody from now on, and one who waits for it. */
async function runOut(url: string): Promise<string> {
  const [ours, others] = [new ConsulHttp({ url }, systemClock), new ConsulHttp({ url }, systemClock)];
  const options = { ttlMs: TTL_MS, lockDelayMs: 0 };
  const cut = coordinationOf(ours, "cut off").coordination;
  const waits = coordinationOf(others, "waits").coordination;
  const held = await cut.lock("histories/ttl", options).acquire();
  const began = performance.now();
  let knewAt = Infinity;
  held.signal.addEventListener("abort", () => (knewAt = performance.now()), { once: true });
  ours.close();
  const next = await waits.lock("histories/ttl", options).acquire({ timeoutMs: 40_000 });
  const hadAt = performance.now();
  assert.ok(!held.held && knewAt < hadAt, `it knew at ${knewAt} and another had it at ${hadAt}`);
  assert.ok(next.token > held.token);
  await Promise.all([cut.close(), waits.close()]);
  others.close();
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
  return `a holder that was cut off knew after ${seconds(knewAt - began)} s, another had its lock after ${seconds(hadAt - began)} s`;
}

function text(value: Uint8Array): string {
  return Buffer.from(value).toString();
}
