import assert from "node:assert/strict";
import { completeLimits, DEFAULT_HTTP2_LIMITS } from "../../../../sdk/src/transport/http2/limits.ts";
import { PeerSettings, settingsPayload } from "../../../../sdk/src/transport/http2/settings.ts";

describe("limits", () => {
  it("are the defaults where nothing else is said", () => {
    assert.deepEqual(completeLimits(), DEFAULT_HTTP2_LIMITS);
    assert.deepEqual(completeLimits({ maxFrameBytes: 20_000, resetBurst: 0 }), {
      ...DEFAULT_HTTP2_LIMITS,
      maxFrameBytes: 20_000,
      resetBurst: 0,
    });
  });

  const WRONG: readonly (readonly [object, RegExp])[] = [
    [{ maxFrameBytes: 16_383 }, /^http2\.maxFrameBytes is 16383, not 16384 to 16777215: /],
    [{ streamWindowBytes: 1000 }, /not 65535 to 2147483647/],
    [{ connectionWindowBytes: 2 ** 31 }, /not 65535 to 2147483647/],
    [{ headerTableBytes: 0 }, /not 4096 to/],
    [{ resetBurst: -1 }, /not 0 to Infinity/],
    [{ stallTimeoutMs: Number.NaN }, /is NaN, not 0/],
    [{ maxStreams: 5 }, /^http2\.maxStreams is no limit of HTTP\/2/],
  ];
  for (const [given, reason] of WRONG) {
    it(`cannot be ${JSON.stringify(given)}`, () => {
      assert.throws(
        () => completeLimits(given),
        (error: { code?: string; reason?: string }) =>
          error.code === "INVALID_ARGUMENT" && reason.test(error.reason ?? ""),
      );
    });
  }

  it("are said in SETTINGS as far as they fit", () => {
    const limits = completeLimits({ maxConcurrentStreams: Infinity, maxHeaderListBytes: Infinity });
    const payload = settingsPayload(limits, "server");
    const told = new PeerSettings();
    told.read(payload, 0, payload.length, true);
    assert.deepEqual([told.maxConcurrentStreams, told.maxHeaderListBytes], [2 ** 31 - 1, 2 ** 32 - 1]);
  });
});

describe("a peer's settings", () => {
  it("tell the least size of the table that a frame named, and how much windows grew", () => {
    const settings = new PeerSettings();
    const payload = Buffer.from("000100000000000100001000000400020000", "hex");
    assert.equal(settings.read(payload, 0, payload.length, false), 131_072 - 65_535);
    assert.deepEqual([settings.leastHeaderTableBytes, settings.headerTableBytes], [0, 4096]);
    settings.read(payload, 12, payload.length, false);
    assert.equal(settings.leastHeaderTableBytes, 4096);
  });
});
