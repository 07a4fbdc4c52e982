import assert from "node:assert/strict";
import { indent, table } from "../../../cli/src/table.ts";

describe("a table", () => {
  it("aligns its columns, shows empty cells and leaves nothing behind the last", () => {
    const rows = [
      ["NAME", "ZONE", "STATUS"],
      ["a", "", "passing"],
      ["longer", "east", ""],
    ];
    assert.equal(table(rows), "NAME    ZONE  STATUS\na       -     passing\nlonger  east  -");
  });

  it("can be indented and its header decorated", () => {
    assert.equal(indent(table([["A"], ["b"]], (header) => `<${header}>`)), "  <A>\n  b");
  });
});
