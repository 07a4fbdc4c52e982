import assert from "node:assert/strict";
import * as fc from "fast-check";
import { describe, it } from "mocha";
import { readSnapshot, type Snapshot, writeSnapshot } from "../../../sdk/src/discovery/snapshot-format.ts";

const SOURCE = "http://127.0.0.1:8500";

const snapshot: Snapshot = {
  source: SOURCE,
  services: new Map([
    [
      "greeter",
      {
        confirmedAt: 1_700_000_000_000,
        endpoints: [
          {
            id: "g-1",
            address: { host: "10.0.0.1", port: 1 },
            weight: 2,
            zone: "a",
            version: "1",
            metadata: { k: "v" },
          },
          { id: "g-2", address: { host: "::1", port: 2 }, weight: 1, metadata: {} },
        ],
      },
    ],
    ["nobody", { confirmedAt: 5, endpoints: [] }],
  ]),
};

describe("a snapshot of what services are", () => {
  it("is read as it was written", () => {
    assert.deepEqual(readSnapshot(writeSnapshot(snapshot), SOURCE), snapshot);
  });

  const text = writeSnapshot(snapshot);
  const [header = "", ...lines] = text.split("\n");
  const withHeader = (change: object): string =>
    [JSON.stringify({ ...JSON.parse(header), ...change }), ...lines].join("\n");

  /** With the right checksum, as somebody could write who means to. */
  const forged = (endpoints: unknown): string => writeSnapshot(snapshot, () => JSON.stringify(endpoints));

  for (const [what, refused, why] of [
    ["nothing", "", /no snapshot/],
    ["something else", "#!/bin/sh\necho hello\n", /no snapshot/],
    ["JSON of another kind", '{"format":"other","version":1}\n', /no snapshot/],
    ["a later version", withHeader({ version: 2 }), /version 2, and this program reads 1/],
    ["another cluster's", withHeader({ source: "http://10.0.0.9:8500" }), /registry at http:\/\/10.0.0.9:8500, not/],
    ["one cut short", text.slice(0, -40), /checksum is wrong/],
    ["a header alone", header, /checksum is wrong/],
    ["one with a changed byte", text.replace("10.0.0.1", "10.0.0.7"), /checksum is wrong/],
    ["endpoints of a wrong shape", forged([{ id: "g-1" }]), /line that is wrong/],
    ["endpoints that are none", forged({}), /line that is wrong/],
  ] as const) {
    it(`is refused when it is ${what}`, () => {
      const result = readSnapshot(refused, SOURCE);
      assert.ok("refused" in result, JSON.stringify(result));
      assert.match(result.refused, why);
    });
  }

  it("is refused, or the same, whatever happens to one byte of it; it never throws", () => {
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.nat(127), (at, code) => {
        const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
        const result = readSnapshot(changed, SOURCE);
        if ("refused" in result) return;
        assert.deepEqual(result, snapshot);
      }),
    );
  });
});
