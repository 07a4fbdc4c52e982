/** docs/transport.md says of limits and options what the code does. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { DEFAULT_HTTP2_LIMITS } from "../../../../sdk/src/transport/http2/limits.ts";

/** A number as people write it: 4,096, 64 KiB, 1 MiB. */
function written(value: number): string[] {
  const units = [
    [1024 * 1024, "MiB"],
    [1024, "KiB"],
  ] as const;
  const inUnits = units.filter(([unit]) => value % unit === 0).map(([unit, name]) => `${value / unit} ${name}`);
  return [...inUnits, value.toLocaleString("en-US")];
}

describe("docs/transport.md", () => {
  const rows = readFileSync("docs/transport.md", "utf8").split("\n");

  for (const [limit, value] of Object.entries(DEFAULT_HTTP2_LIMITS)) {
    it(`tells ${limit} and its default`, () => {
      const row = rows.find((one) => one.startsWith(`| \`${limit}\` |`));
      assert.ok(row, `${limit} is not in the table`);
      assert.ok(
        written(value).some((text) => row.includes(`Default ${text}`)),
        `${row} does not say ${written(value).join(" or ")}`,
      );
    });
  }
});
