import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { type Random, seededRandom } from "../../../sdk/src/call/random.ts";
import type { EndpointView } from "../../../sdk/src/discovery/directory.ts";
import { dnsDirectory } from "../../../sdk/src/discovery/dns-directory.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";

const REFRESH_MS = 10_000;

/** A resolver that answers what the test has set; undefined never answers. */
function scripted({
  random = () => 0,
  first = ["10.0.0.1"],
}: { random?: Random; first?: readonly string[] | Error } = {}) {
  const clock = new VirtualClock();
  const state = { answer: first as readonly string[] | Error | undefined, asked: [] as string[] };
  const resolve = (host: string): Promise<readonly string[]> => {
    state.asked.push(host);
    const { answer } = state;
    if (answer === undefined) return new Promise(() => {});
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const directory = dnsDirectory({ clock, random, resolve, refreshMs: REFRESH_MS });
  const views: EndpointView[] = [];
  const watch = directory.watch("greeter.internal:50051", (view) => views.push(view));
  return { clock, state, directory, views, watch };
}

const ids = (view: EndpointView | undefined) => view?.endpoints.map(({ id }) => id);
const notFound = () => Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });

describe("the DNS directory", () => {
  it("gives every address of the host once, sorted, with its port", async () => {
    const { clock, state, views } = scripted({ first: ["::1", "10.0.0.2", "10.0.0.1", "10.0.0.2"] });
    await clock.advanceAsync(0);
    assert.deepEqual(state.asked, ["greeter.internal"]);
    assert.deepEqual(ids(views.at(-1)), ["10.0.0.1:50051", "10.0.0.2:50051", "[::1]:50051"]);
    assert.equal(views.at(-1)?.freshness, "live");
  });

  it("looks again every interval, less up to a fifth, and tells of changes only", async () => {
    const random = seededRandom(7);
    const { clock, state, views } = scripted({ random });
    await clock.advanceAsync(10 * REFRESH_MS);
    assert.ok(state.asked.length >= 11 && state.asked.length <= 13, `${state.asked.length} lookups`);
    assert.equal(views.length, 1);
    state.answer = ["10.0.0.9"];
    await clock.advanceAsync(REFRESH_MS);
    assert.deepEqual(ids(views.at(-1)), ["10.0.0.9:50051"]);
  });

  it("keeps the last good addresses as stale when DNS fails, and is live again when it answers", async () => {
    const { clock, state, views } = scripted();
    await clock.advanceAsync(0);
    state.answer = notFound();
    await clock.advanceAsync(REFRESH_MS);
    const stale = views.at(-1);
    assert.deepEqual(ids(stale), ["10.0.0.1:50051"]);
    assert.equal(stale?.freshness, "stale");
    assert.ok(stale.error instanceof MeshError);
    assert.match(stale.error.message, /"greeter\.internal" was not found by DNS \(ENOTFOUND\): check the name/);
    state.answer = ["10.0.0.1"];
    await clock.advanceAsync(1_000);
    assert.deepEqual(views.at(-1), { ...views[0] });
  });

  it("says at once that a name is not known, with no endpoints, and takes an empty answer the same", async () => {
    for (const first of [notFound(), []]) {
      const { clock, views } = scripted({ first });
      await clock.advanceAsync(0);
      assert.equal(views.length, 1);
      assert.equal(views[0]?.freshness, "stale");
      assert.deepEqual(views[0].endpoints, []);
    }
  });

  it("retries failures sooner than the interval, with growing waits", async () => {
    const { clock, state } = scripted();
    await clock.advanceAsync(0);
    state.answer = notFound();
    await clock.advanceAsync(REFRESH_MS);
    assert.equal(state.asked.length, 2);
    await clock.advanceAsync(500);
    assert.equal(state.asked.length, 3);
    await clock.advanceAsync(999);
    assert.equal(state.asked.length, 3);
    await clock.advanceAsync(1);
    assert.equal(state.asked.length, 4);
    state.answer = ["10.0.0.1"];
    await clock.advanceAsync(2_000);
    assert.equal(state.asked.length, 5);
    state.answer = notFound();
    await clock.advanceAsync(REFRESH_MS);
    await clock.advanceAsync(500);
    assert.equal(state.asked.length, 7, "an answer in between did not make it patient again");
  });

  it("does not leave listeners waiting for a resolver that hangs", async () => {
    const { clock, state, views } = scripted();
    await clock.advanceAsync(0);
    state.answer = undefined;
    await clock.advanceAsync(REFRESH_MS + 5_000);
    assert.equal(views.at(-1)?.freshness, "stale");
    assert.deepEqual(ids(views.at(-1)), ["10.0.0.1:50051"]);
    assert.match(String(views.at(-1)?.error), /no answer for 5000 ms/);
  });

  it("sets no timer for an address, which needs no DNS", async () => {
    const clock = new VirtualClock();
    const directory = dnsDirectory({ clock, resolve: () => Promise.reject(new Error("asked")) });
    const view = await new Promise<EndpointView>((resolve) => directory.watch("[::1]:1", resolve));
    assert.deepEqual(ids(view), ["[::1]:1"]);
    assert.equal(clock.pending, 0);
  });

  it("leaves no timer behind when closed, also while a lookup is under way", async () => {
    const { clock, watch, state, directory, views } = scripted();
    watch.close();
    await clock.advanceAsync(0);
    assert.equal(clock.pending, 0);
    assert.equal(views.length, 0);
    directory.watch("other:1", () => {});
    await clock.advanceAsync(0);
    assert.equal(clock.pending, 1);
    directory.close();
    assert.equal(clock.pending, 0);
    assert.equal(state.asked.length, 2);
  });

  it("asks the system's resolver, so localhost is found", async () => {
    const directory = dnsDirectory({ clock: new VirtualClock() });
    const view = await new Promise<EndpointView>((resolve) => directory.watch("localhost:5", resolve));
    directory.close();
    assert.equal(view.freshness, "live");
    assert.ok(view.endpoints.some(({ address }) => address.host === "127.0.0.1" || address.host === "::1"));
  });
});
