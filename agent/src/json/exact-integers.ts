/**
 * JSON whose integers have up to 64 bits, more than a number of JavaScript holds: flags and indexes. Long ones are read as
 * bigints, and bigints are written as numbers.
 */

/** Every integer with fewer digits is exact in a double. */
const longDigits = 16;
/** Marks text that stands for a number in between; nobody else's text begins so. */
const mark = "\u0000integer ";

const stringOrNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** @throws SyntaxError */
export function parseExactly(text: string): unknown {
  const marked = text.replace(stringOrNumber, (token) => {
    const isLong = token.length >= longDigits && /^-?\d+$/.test(token);
    return isLong ? JSON.stringify(mark + token) : token;
  });
  return JSON.parse(marked, (_, value: unknown) => {
    return typeof value === "string" && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value;
  });
}

const markedInteger = /"\\u0000integer (-?\d+)"/g;

export function stringifyExactly(value: unknown, indent: number): string {
  const marked = (_: string, item: unknown): unknown => (typeof item === "bigint" ? mark + item : item);
  return JSON.stringify(value, marked, indent).replace(markedInteger, "$1");
}
