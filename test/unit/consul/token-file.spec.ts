import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { TokenFile } from "../../../sdk/src/consul/token-file.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { Inbox } from "../../support/inbox.ts";
import { recordedLog } from "../../support/logs.ts";

const missing = (): string => {
  throw Object.assign(new Error("gone"), { code: "ENOENT" });
};

describe("the token in a file", () => {
  function tokenFile(first?: string) {
    const clock = new VirtualClock();
    const { log, lines } = recordedLog();
    const disk = { reads: 0, content: (): string => "one\n", later: undefined as Promise<string> | undefined };
    const read = async (): Promise<string> => {
      disk.reads++;
      return disk.later ?? disk.content();
    };
    return { clock, lines, disk, file: new TokenFile({ path: "/run/token", first, clock, log, read }) };
  }

  it("is read again once a second at most, when somebody asks", async () => {
    const { clock, disk, file } = tokenFile();
    assert.equal(await file.current(), "one");
    disk.content = () => "two";
    clock.advance(999);
    assert.equal(await file.current(), "one");
    assert.equal(disk.reads, 1);
    clock.advance(1);
    assert.equal(await file.current(), "two");
    assert.equal(clock.pending, 0);
  });

  it("is read once for all who ask at the same time", async () => {
    const { disk, file } = tokenFile();
    assert.deepEqual(await Promise.all([file.current(), file.current(), file.current()]), ["one", "one", "one"]);
    assert.equal(disk.reads, 1);
  });

  for (const [what, content, why] of [
    ["cannot be read", missing, /cannot be read \(ENOENT\)/],
    ["is empty", () => " \n", /is empty/],
    ["holds something else", () => "token: one", /holds more than a token/],
  ] as const) {
    it(`stays what it was while the file ${what}, which is logged once, as its end is`, async () => {
      const { clock, disk, file, lines } = tokenFile("before");
      disk.content = content;
      for (let turn = 0; turn < 3; turn++) {
        assert.equal(await file.current(), "before");
        clock.advance(1_000);
      }
      assert.equal(lines.length, 1);
      assert.match(JSON.stringify(lines[0]), why);
      assert.match(JSON.stringify(lines[0]), /the last token stays in use/);
      disk.content = () => "after";
      assert.equal(await file.current(), "after");
      assert.deepEqual(
        lines.slice(1).map(({ msg }) => msg),
        ["token file of consul can be used again", "token file of consul holds a new token: using it"],
      );
      assert.doesNotMatch(JSON.stringify(lines), /"before"|"after"|token: one/);
    });
  }

  it("is refused as long as there was none", async () => {
    const { clock, disk, file } = tokenFile();
    disk.content = missing;
    await assert.rejects(file.current(), (error) => {
      assert.ok(error instanceof MeshError);
      assert.equal(error.code, "FAILED_PRECONDITION");
      assert.match(error.reason, /^token file of consul "\/run\/token" cannot be read \(ENOENT\): write the token/);
      return true;
    });
    clock.advance(1_000);
    disk.content = () => "one";
    assert.equal(await file.current(), "one");
  });

  it("does not wait for a file that hangs when there is an older token, and takes what comes in the end", async () => {
    const { clock, disk, file, lines } = tokenFile("before");
    const written = new Inbox<string>();
    disk.later = written.next();
    const first = file.current();
    clock.advance(99);
    assert.equal(clock.pending, 1);
    clock.advance(1);
    assert.equal(await first, "before");
    assert.equal(await file.current(), "before");
    assert.equal(lines.length, 1);
    assert.match(JSON.stringify(lines[0]), /is not read within 100 ms/);
    assert.equal(clock.pending, 0);
    written.put("after");
    assert.equal(await file.replacement("before"), "after");
    assert.equal(disk.reads, 1);
  });

  it("is looked for at once after a refusal", async () => {
    const { disk, file } = tokenFile();
    assert.equal(await file.current(), "one");
    assert.equal(await file.replacement("one"), undefined);
    disk.content = () => "two";
    assert.equal(await file.replacement("one"), "two");
    disk.content = missing;
    assert.equal(await file.replacement("two"), undefined);
    assert.equal(await file.current(), "two");
  });
});
