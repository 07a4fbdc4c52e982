import assert from "node:assert/strict";
import { beforeEach, describe, it } from "mocha";
import { z } from "zod";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { UNOBSERVED } from "../../../sdk/src/coordination/coordination-observer.ts";
import type { Settings } from "../../../sdk/src/coordination/settings.ts";
import { CoordinationLab, hasCode, type Process } from "./lab.ts";

const PREFIX = "config/greeter/";
const SHAPE = {
  greeting: { default: "Hello" },
  maxItems: { default: 10, schema: z.int().min(1).max(100) },
  names: { default: ["Ada"] },
};
const DEFAULTS = { greeting: "Hello", maxItems: 10, names: ["Ada"] };
const AWAY = new MeshError("UNAVAILABLE", "consul is away");

describe("settings", () => {
  let lab: CoordinationLab;
  let ada: Process;
  let settings: Settings<typeof DEFAULTS>;
  let changes: string[][];

  beforeEach(() => {
    lab = new CoordinationLab();
    ada = lab.process("ada");
    changes = [];
  });

  async function open(process = ada): Promise<void> {
    settings = process.coordination.settings("config/greeter", SHAPE);
    settings.onChange((_current, changed) => changes.push([...changed]));
    await lab.pass(0);
  }

  it("are their defaults, then what is stored, then every change of it", async () => {
    lab.store.put(`${PREFIX}maxItems`, "20");
    settings = ada.coordination.settings("config/greeter", SHAPE);
    assert.deepEqual(settings.current, DEFAULTS);
    assert.equal(settings.state.freshness, "unknown");
    await open();
    assert.deepEqual(settings.current, { ...DEFAULTS, maxItems: 20 });
    const before = settings.current;
    lab.store.put(`${PREFIX}names`, '["Bob","Eve"]');
    assert.deepEqual(settings.current.names, ["Bob", "Eve"]);
    assert.deepEqual(before.names, ["Ada"]);
    assert.deepEqual(changes, [["maxItems"], ["names"]]);
    lab.store.delete(`${PREFIX}names`);
    assert.deepEqual(settings.current.names, ["Ada"]);
    assert.equal(settings.state.freshness, "live");
  });

  it("take a string without quotes as people write it", async () => {
    await open();
    lab.store.put(`${PREFIX}greeting`, "Good morning");
    assert.equal(settings.current.greeting, "Good morning");
    lab.store.put(`${PREFIX}greeting`, '"in \\"quotes\\""');
    assert.equal(settings.current.greeting, 'in "quotes"');
  });

  for (const [what, name, text] of [
    ["what is no JSON", "maxItems", "twenty"],
    ["what the setting's own check refuses", "maxItems", "101"],
    ["what is of another kind than the default", "names", '{"Ada":1}'],
    ["what is no text", "names", Buffer.from([0xff, 0xfe])],
  ] as const) {
    it(`are never replaced by ${what}, which is told and does not keep others from changing`, async () => {
      lab.store.put(`${PREFIX}maxItems`, "20");
      lab.store.put(`${PREFIX}names`, '["Bob"]');
      await open();
      changes.length = 0;
      lab.store.put(`${PREFIX}${name}`, text);
      lab.store.put(`${PREFIX}greeting`, "Hi");
      assert.deepEqual(settings.current, { greeting: "Hi", maxItems: 20, names: ["Bob"] });
      assert.deepEqual(changes, [["greeting"]]);
      const fault = settings.state.faults.get(name);
      assert.ok(hasCode("INVALID_ARGUMENT", /config\/greeter\/\w+ holds what cannot be used \(.+\): the last/)(fault));
      assert.equal(ada.lines.filter(({ msg }) => msg === fault?.reason).length, 1);
      lab.store.put(`${PREFIX}${name}`, name === "names" ? '["Eve"]' : "30");
      assert.equal(settings.state.faults.size, 0);
      assert.equal(ada.lines.at(-1)?.msg, `setting ${PREFIX}${name} is good again`);
    });
  }

  it("stay the default as long as nothing good was stored", async () => {
    lab.store.put(`${PREFIX}maxItems`, "0");
    await open();
    assert.equal(settings.current.maxItems, 10);
    assert.match(settings.state.faults.get("maxItems")?.reason ?? "", /the default stays in use/);
    lab.store.delete(`${PREFIX}maxItems`);
    assert.equal(settings.state.faults.size, 0);
  });

  it("cannot be changed by whoever reads them", async () => {
    lab.store.put(`${PREFIX}names`, '["Bob"]');
    await open();
    assert.throws(() => settings.current.names.push("Eve"), TypeError);
    assert.throws(() => Object.assign(settings.current, { maxItems: 1 }), TypeError);
    assert.deepEqual(SHAPE.names.default, ["Ada"]);
    assert.equal(Object.isFrozen(SHAPE.names.default), false);
  });

  it("say nothing when something is written that they are already", async () => {
    await open();
    lab.store.put(`${PREFIX}maxItems`, "10");
    lab.store.put(`${PREFIX}names`, '[ "Ada" ]');
    lab.store.put(`${PREFIX}unknown`, "1");
    assert.deepEqual(changes, []);
  });

  it("stay the last known through an outage, which is told once", async () => {
    lab.store.put(`${PREFIX}maxItems`, "20");
    await open();
    ada.client.reach = "away";
    ada.client.failWatches(AWAY);
    ada.client.failWatches(AWAY);
    lab.store.put(`${PREFIX}maxItems`, "21");
    await lab.pass(30_000);
    assert.equal(settings.current.maxItems, 20);
    const { freshness, ageMs, error } = settings.state;
    assert.deepEqual({ freshness, ageMs, error }, { freshness: "stale", ageMs: 30_000, error: AWAY });
    assert.equal(ada.lines.filter(({ level }) => level === "warn").length, 1);
    ada.client.comeBack("after-outage");
    assert.equal(settings.current.maxItems, 21);
    assert.deepEqual([settings.state.freshness, settings.state.ageMs], ["live", 0]);
  });

  it("outlive a store that comes back without its data, until they are written again", async () => {
    lab.store.put(`${PREFIX}maxItems`, "20");
    lab.store.put(`${PREFIX}greeting`, "Hi");
    await open();
    ada.client.reach = "away";
    lab.store.loseData();
    ada.client.comeBack("after-outage");
    await lab.pass(0);
    assert.deepEqual([settings.current.maxItems, settings.current.greeting], [20, "Hi"]);
    assert.ok(hasCode("DATA_LOSS")(settings.state.faults.get("maxItems")));
    lab.store.put(`${PREFIX}maxItems`, "30");
    assert.deepEqual([settings.current.maxItems, settings.current.greeting], [30, "Hi"]);
    assert.deepEqual([...settings.state.faults.keys()], ["greeting"]);
    await settings.update({ greeting: undefined });
    assert.deepEqual([...settings.state.faults.keys()], ["greeting"]);
    await settings.update({ greeting: "Hey" });
    assert.equal(settings.state.faults.size, 0);
  });

  it("are not taken away from whoever may no longer read them, nor called live for who never may", async () => {
    lab.store.put(`${PREFIX}maxItems`, "20");
    await open();
    ada.client.blind = true;
    lab.store.put("another", "1");
    await lab.pass(0);
    assert.equal(settings.current.maxItems, 20);
    assert.equal(settings.state.error?.code, "PERMISSION_DENIED");
    const eve = lab.process("eve");
    eve.client.blind = true;
    await open(eve);
    assert.deepEqual([settings.state.freshness, settings.state.error?.code], ["unknown", "PERMISSION_DENIED"]);
    const loaded = settings.loaded();
    eve.client.blind = false;
    lab.store.put("another", "2");
    assert.equal((await loaded).maxItems, 20);
  });

  it("are live once one may read them, though there is nothing to read", async () => {
    ada.client.blind = true;
    await open();
    assert.equal(settings.state.freshness, "unknown");
    ada.client.blind = false;
    lab.store.put("another", "1");
    await lab.pass(0);
    assert.deepEqual([settings.state.freshness, settings.state.error], ["live", undefined]);
  });

  it("are not taken away when the store cannot say whether one may read them", async () => {
    lab.store.put(`${PREFIX}maxItems`, "20");
    await open();
    const mayRead = ada.client.mayRead.bind(ada.client);
    ada.client.mayRead = () => Promise.reject(AWAY);
    lab.store.delete(`${PREFIX}maxItems`);
    await lab.pass(10_000);
    assert.deepEqual([settings.current.maxItems, settings.state.freshness], [20, "stale"]);
    ada.client.mayRead = mayRead;
    await lab.pass(1_000);
    assert.deepEqual([settings.current.maxItems, settings.state.freshness], [10, "live"]);
    await settings.close();
    assert.equal(lab.time.pending, 0);
  });

  it("are waited for until the store has answered, for so long", async () => {
    ada.client.reach = "away";
    await open();
    ada.client.failWatches(AWAY);
    const late = assert.rejects(
      settings.loaded({ timeoutMs: 500 }),
      hasCode("DEADLINE_EXCEEDED", /within 500 ms: consul is away/),
    );
    const stop = new AbortController();
    const cancelled = assert.rejects(settings.loaded({ signal: stop.signal }), hasCode("CANCELLED"));
    const loaded = settings.loaded();
    await lab.pass(500);
    stop.abort();
    await Promise.all([late, cancelled]);
    lab.store.put(`${PREFIX}maxItems`, "20");
    ada.client.comeBack();
    assert.equal((await loaded).maxItems, 20);
    assert.equal((await settings.loaded()).maxItems, 20);
    await settings.close();
    await assert.rejects(settings.loaded(), hasCode("FAILED_PRECONDITION"));
    assert.equal(lab.time.pending, 0);
  });

  it("are changed all or none, are in use at once, and go back to their default", async () => {
    await open();
    const after = await settings.update({ maxItems: 50, greeting: "Hi" });
    assert.deepEqual(after, { ...DEFAULTS, maxItems: 50, greeting: "Hi" });
    assert.deepEqual(settings.current, after);
    assert.equal(Buffer.from(lab.store.keys.get(`${PREFIX}greeting`)!.value).toString(), '"Hi"');
    await settings.update({ maxItems: undefined });
    assert.equal(settings.current.maxItems, 10);
    assert.equal(lab.store.keys.has(`${PREFIX}maxItems`), false);
    await settings.update({ maxItems: undefined });
    await settings.update({});
  });

  it("are changed by nobody who has not seen the last change: no update is lost", async () => {
    await open();
    const others = ["bob", "eve", "joe", "mia"].map((name) =>
      lab.process(name).coordination.settings("config/greeter", SHAPE),
    );
    const updates = [settings, ...others].map((one) => one.update(({ maxItems }) => ({ maxItems: maxItems + 1 })));
    await lab.pass(10_000);
    await Promise.all(updates);
    assert.equal(settings.current.maxItems, 15);
  });

  it("are not changed by what depends on another setting that has changed meanwhile", async () => {
    await open();
    let turns = 0;
    const updated = settings.update(({ maxItems }) => {
      if (turns++ === 0) lab.store.put(`${PREFIX}maxItems`, "99");
      return { greeting: `up to ${maxItems}` };
    });
    await lab.pass(1_000);
    assert.equal((await updated).greeting, "up to 99");
    assert.equal(turns, 2);
  });

  it("give up a change that others always win", async () => {
    await open();
    let turns = 0;
    const updated = settings.update(() => {
      lab.store.put(`${PREFIX}maxItems`, String(1 + (turns++ % 2)));
      return { greeting: "Hi" };
    });
    const rejected = assert.rejects(updated, hasCode("ABORTED", /16 times/));
    await lab.pass(10_000);
    await rejected;
    assert.equal(turns, 16);
  });

  it("refuse a change that could not be read back, before anything is written", async () => {
    await open();
    const { index } = lab.store;
    await assert.rejects(
      settings.update({ greeting: "Hi", maxItems: 1_000 }),
      hasCode("INVALID_ARGUMENT", /maxItems cannot be 1000/),
    );
    await assert.rejects(
      settings.update({ maxItems: Number.NaN }),
      hasCode("INVALID_ARGUMENT", /maxItems cannot be NaN/),
    );
    await assert.rejects(settings.update({ other: 1 } as never), hasCode("INVALID_ARGUMENT", /have no other/));
    assert.equal(lab.store.index, index);
    ada.client.reach = "away";
    await assert.rejects(settings.update({ greeting: "Hi" }), hasCode("UNAVAILABLE"));
  });

  it("survive a listener that throws, and one that has left", async () => {
    await open();
    const seen: number[] = [];
    settings.onChange(() => {
      throw new Error("listener's bug");
    });
    const leave = settings.onChange(({ maxItems }) => seen.push(maxItems));
    lab.store.put(`${PREFIX}maxItems`, "20");
    leave();
    lab.store.put(`${PREFIX}maxItems`, "21");
    assert.deepEqual(seen, [20]);
    assert.equal(ada.lines.filter(({ msg }) => /listener.*threw/.test(msg)).length, 2);
  });

  it("take no answer for news that was overtaken by a newer one", async () => {
    await open();
    let tell: ((maxItems: string, index: number) => void) | undefined;
    const bob = lab.process("bob");
    bob.client.watchTree = (prefix, listener) => {
      tell = (text, index) => {
        const entries = [{ key: `${prefix}maxItems`, value: Buffer.from(text), index }];
        listener.changed({ entries, index }, "steady");
      };
      return { close: () => {} };
    };
    const others = bob.coordination.settings("config/greeter", SHAPE);
    tell?.("20", 200);
    tell?.("19", 199);
    assert.equal(others.current.maxItems, 20);
  });

  it("tell how fresh they are and how many are at fault", async () => {
    const told: string[] = [];
    const observed = lab.process("bob", {
      ...UNOBSERVED,
      settings: (prefix) => ({
        confirmed: () => told.push(`${prefix} confirmed`),
        faults: (count) => told.push(`${count} faults`),
        closed: () => told.push("closed"),
      }),
    });
    lab.store.put(`${PREFIX}maxItems`, "-1");
    await open(observed);
    assert.deepEqual(told, [`${PREFIX} confirmed`, "1 faults"]);
    await observed.coordination.close();
    assert.equal(told.at(-1), "closed");
    lab.store.put(`${PREFIX}maxItems`, "5");
    assert.equal(settings.current.maxItems, 10);
  });

  it("refuse shapes that cannot be", () => {
    const make = (shape: object, prefix = "config/greeter") => ada.coordination.settings(prefix, shape as typeof SHAPE);
    assert.throws(() => make({}), hasCode("INVALID_ARGUMENT"));
    assert.throws(() => make({ "a/b": { default: 1 } }), hasCode("INVALID_ARGUMENT", /a\/b/));
    assert.throws(
      () => make({ a: { default: 0, schema: z.int().min(1) } }),
      hasCode("INVALID_ARGUMENT", /cannot be 0/),
    );
    assert.throws(() => make({ a: { default: undefined } }), hasCode("INVALID_ARGUMENT", /undefined/));
    assert.throws(() => make(SHAPE, "config/"), hasCode("INVALID_ARGUMENT"));
    const many = Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`s${at}`, { default: 1 }]));
    assert.throws(() => make(many), hasCode("INVALID_ARGUMENT", /33/));
  });
});
