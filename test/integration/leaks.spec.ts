/** A short run of test/leak; continuous integration makes the long one. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

const CALLS_OF_EACH_KIND = 5_000;
const WITHIN_MS = 120_000;

describe("calls that end in every way there is", function () {
  this.timeout(WITHIN_MS);

  it("leave nothing behind", () => {
    const node = ["--expose-gc", "--conditions=meshwork-source", "--import", "tsx"];
    const args = [...node, "test/leak/leaks.ts", "--calls", String(CALLS_OF_EACH_KIND)];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: WITHIN_MS });
    assert.equal(status, 0, `${stdout}\n${stderr}`);
  });
});
