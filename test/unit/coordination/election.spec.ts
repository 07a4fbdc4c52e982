import assert from "node:assert/strict";
import { beforeEach, describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import type { Leader, Leadership } from "../../../sdk/src/coordination/election.ts";
import { CoordinationLab, hasCode, type Process } from "./lab.ts";

const KEY = "meshwork/leader/scheduler";

describe("an election", () => {
  let lab: CoordinationLab;
  let ada: Process;
  let bob: Process;
  /** Who began and ended to work, and when. */
  let story: string[];

  beforeEach(() => {
    lab = new CoordinationLab();
    ada = lab.process("ada");
    bob = lab.process("bob");
    story = [];
  });

  function electionOf({ coordination }: Process) {
    return coordination.election("scheduler", {});
  }

  /** Works until told to stop, and then for so long. */
  function campaignOf(process: Process, name: string, { stopsAfterMs = 0 } = {}) {
    const terms: Leadership[] = [];
    const campaign = electionOf(process).campaign(async (leadership) => {
      terms.push(leadership);
      story.push(`${name} begins`);
      await new Promise<void>((resolve) =>
        leadership.signal.addEventListener("abort", () => resolve(), { once: true }),
      );
      story.push(`${name} stops, ${leadership.held ? "leading" : "lost"}`);
      if (stopsAfterMs > 0) await new Promise<void>((resolve) => lab.time.setTimer(resolve, stopsAfterMs));
      story.push(`${name} ends`);
    });
    return { campaign, terms };
  }

  it("has one leader, who resigns only when its work has ended", async () => {
    const first = campaignOf(ada, "ada", { stopsAfterMs: 1_000 });
    await lab.pass(10);
    const second = campaignOf(bob, "bob");
    await lab.pass(30_000);
    assert.deepEqual(story, ["ada begins"]);
    assert.deepEqual([first.campaign.leading, second.campaign.leading], [true, false]);
    const resigned = first.campaign.resign();
    await lab.pass(1_000);
    await resigned;
    await lab.pass(10);
    assert.deepEqual(story, ["ada begins", "ada stops, leading", "ada ends", "bob begins"]);
    assert.ok(second.terms[0]!.token > first.terms[0]!.token);
    await first.campaign.ended;
    assert.equal(second.campaign.leading, true);
  });

  it("has a leader that stops by its own clock before the next one begins", async () => {
    const first = campaignOf(ada, "ada");
    await lab.pass(10);
    campaignOf(bob, "bob");
    await lab.pass(30_000);
    ada.client.reach = "silent";
    await lab.pass(60_000);
    assert.deepEqual(story, ["ada begins", "ada stops, lost", "ada ends", "bob begins"]);
    assert.ok(hasCode("ABORTED")(first.terms[0]!.signal.reason));
    ada.client.comeBack();
    await lab.pass(60_000);
    assert.equal(story.length, 4);
    await bob.coordination.close();
    await lab.pass(10);
    assert.equal(story.at(-1), "ada begins");
  });

  it("knows after a pause that it leads no more, before any timer has fired", async () => {
    const { campaign } = campaignOf(ada, "ada");
    await lab.pass(10);
    assert.equal(campaign.leading, true);
    ada.clock.skip(8_000);
    assert.equal(campaign.leading, false);
  });

  it("is stood in again only when the work of a lost leadership has ended", async () => {
    campaignOf(ada, "ada", { stopsAfterMs: 120_000 });
    await lab.pass(10);
    lab.store.end(lab.store.keys.get(KEY)?.session ?? "");
    await lab.pass(119_000);
    assert.deepEqual(story, ["ada begins", "ada stops, lost"]);
    await lab.pass(10_000);
    assert.deepEqual(story, ["ada begins", "ada stops, lost", "ada ends", "ada begins"]);
  });

  it("goes to others when work throws, and the same process stands again later", async () => {
    let times = 0;
    const election = electionOf(ada);
    election.campaign(() => {
      times++;
      throw new Error("no good");
    });
    await lab.pass(10);
    assert.equal(times, 1);
    assert.match(ada.lines.find(({ level }) => level === "error")?.msg ?? "", /others get their turn/);
    await lab.pass(300);
    assert.equal(times, 3);
    campaignOf(bob, "bob");
    await lab.pass(60_000);
    assert.deepEqual(story, ["bob begins"]);
  });

  it("is over for a process whose work returns", async () => {
    const campaign = electionOf(ada).campaign(() => {});
    await lab.pass(10);
    await campaign.ended;
    assert.equal(campaign.leading, false);
    campaignOf(bob, "bob");
    await lab.pass(10);
    assert.deepEqual(story, ["bob begins"]);
  });

  it("costs the next leader the lock delay when work does not heed its signal", async () => {
    const campaign = electionOf(ada).campaign(() => new Promise<void>(() => {}));
    await lab.pass(10);
    campaignOf(bob, "bob");
    const resigned = campaign.resign();
    await lab.pass(5_000);
    await resigned;
    assert.match(ada.lines.at(-1)?.msg ?? "", /work still runs 5000 ms/);
    await lab.pass(9_900);
    assert.deepEqual(story, []);
    await lab.pass(1_000);
    assert.deepEqual(story, ["bob begins"]);
  });

  it("ends with its mesh: a leader steps down, who waits stands no more", async () => {
    const first = campaignOf(ada, "ada");
    await lab.pass(10);
    const second = campaignOf(bob, "bob");
    await lab.pass(10);
    await bob.coordination.close();
    await second.campaign.ended;
    await ada.coordination.close();
    await first.campaign.ended;
    assert.deepEqual(story, ["ada begins", "ada stops, leading", "ada ends"]);
    assert.deepEqual([lab.store.sessions.size, lab.store.looking.size, lab.time.pending], [0, 0, 0]);
  });

  it("keeps the process alive while it stands and leads, and a lock does not while it is held", async () => {
    const { campaign } = campaignOf(ada, "ada");
    const standing = campaignOf(bob, "bob");
    await lab.pass(60_000);
    assert.deepEqual([ada.clock.keptAliveBy > 0, bob.clock.keptAliveBy > 0], [true, true]);
    await standing.campaign.resign();
    await campaign.resign();
    await lab.pass(0);
    await bob.coordination.lock("it", {}).acquire();
    await lab.pass(60_000);
    assert.deepEqual([ada.clock.keptAliveBy, bob.clock.keptAliveBy], [0, 0]);
  });

  it("does not begin to work when it is won while its process leaves", async () => {
    const { campaign } = campaignOf(ada, "ada");
    const lock = ada.client.lock.bind(ada.client);
    ada.client.lock = async (...request) => {
      const attempt = await lock(...request);
      queueMicrotask(() => void campaign.resign());
      return attempt;
    };
    await lab.pass(10_000);
    await campaign.ended;
    assert.deepEqual(story, []);
    assert.equal(lab.store.keys.get(KEY)?.session, undefined);
  });

  it("says to whoever asks that it can never be won", async () => {
    ada.client.refusal = new MeshError("PERMISSION_DENIED", "no");
    const { campaign } = campaignOf(ada, "ada");
    await assert.rejects(campaign.ended, hasCode("PERMISSION_DENIED"));
    assert.match(ada.lines.at(-1)?.msg ?? "", /cannot be stood for/);
  });

  it("shows who leads to everybody, and the last word through an outage", async () => {
    const seen: (Leader | undefined)[] = [];
    const watch = electionOf(bob).watch((leader) => {
      seen.push(leader);
      if (seen.length === 1) throw new Error("listener's bug");
    });
    await lab.pass(10);
    assert.match(bob.lines.at(-1)?.msg ?? "", /listener to leader scheduler threw/);
    const { campaign, terms } = campaignOf(ada, "ada");
    await lab.pass(10);
    assert.deepEqual(seen, [undefined, { value: "ada", token: terms[0]!.token }]);
    bob.client.reach = "away";
    bob.client.failWatches(new MeshError("UNAVAILABLE", "away"));
    await lab.pass(60_000);
    assert.equal(seen.length, 2);
    bob.client.comeBack();
    await campaign.resign();
    assert.deepEqual(seen.at(-1), undefined);
    watch.close();
    assert.equal(lab.store.looking.size, 0);
  });
});
