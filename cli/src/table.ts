/** Tables as plain text: columns aligned by spaces, so that people, `awk` and `cut` read the same. */

/** Between columns: two spaces, because one may be inside a cell. */
const GAP = "  ";

/** @param rows the first is the header. Empty cells show as "-", so that columns can be counted. */
export function table(rows: readonly (readonly string[])[], decorate = (header: string): string => header): string {
  const shown = rows.map((row) => row.map((cell) => (cell === "" ? "-" : cell)));
  const columns = Math.max(0, ...shown.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, at) => Math.max(...shown.map((row) => row[at]?.length ?? 0)));
  const lines = shown.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
  const [header = "", ...body] = lines;
  return [decorate(header), ...body].join("\n");
}

/** Indents every line. */
export function indent(text: string): string {
  return text.replace(/^/gm, GAP);
}
