/** Go's notation for strings and whole numbers, which filters and the errors about them are written in. */

const escapes: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
};
const escapeOf = new Map(Object.entries(escapes).map(([letter, rune]) => [rune, `\\${letter}`]));
const escape = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})|([abfnrtv\\]))|[^\\]+/gsy;
const maxRune = 0x10_ff_ff;
const replacement = "\uFFFD";

/** What a string literal in backquotes or double quotes stands for; `undefined` when it is none. */
export function unquote(literal: string): string | undefined {
  const inner = literal.slice(1, -1);
  if (literal.startsWith("`")) return inner.replaceAll("\r", "");
  if (inner.includes("\n")) return undefined;
  const bytes: Buffer[] = [];
  let read = 0;
  for (const [whole, hex, short, long, octal, letter] of inner.matchAll(escape)) {
    read += whole.length;
    const byte =
      hex === undefined ? (octal === undefined ? undefined : Number.parseInt(octal, 8)) : Number.parseInt(hex, 16);
    const rune = short ?? long;
    if (byte !== undefined) {
      if (byte > 0xff) return undefined;
      bytes.push(Buffer.from([byte]));
    } else if (rune !== undefined) {
      const code = Number.parseInt(rune, 16);
      if (code > maxRune) return undefined;
      bytes.push(Buffer.from(code >= 0xd8_00 && code <= 0xdf_ff ? replacement : String.fromCodePoint(code)));
    } else bytes.push(Buffer.from(letter === undefined ? whole : (escapes[letter] ?? "")));
  }
  return read === inner.length ? Buffer.concat(bytes).toString() : undefined;
}

/** As `%q` shows a string. */
export function quote(text: string): string {
  return `"${Array.from(text, quoteRune).join("")}"`;
}

function quoteRune(rune: string): string {
  if (rune === '"') return '\\"';
  const named = escapeOf.get(rune);
  if (named !== undefined) return named;
  if (/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(rune)) return rune;
  const code = rune.codePointAt(0) ?? 0;
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code > 0xff_ff) return `\\U${code.toString(16).padStart(8, "0")}`;
  return `\\u${code.toString(16).padStart(4, "0")}`;
}

/** With the base in the prefix, and underscores between digits. */
const integer = /^([+-]?)(0[xX](?:_?[\da-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?[0-7])+|0|[1-9](?:_?\d)*)$/;
const minInteger = -(2n ** 63n);
const maxInteger = 2n ** 63n - 1n;

/** A whole number of 64 bits, or why it is none in Go's words. */
export function parseInteger(written: string): bigint | { readonly fault: string } {
  const fault = (why: string): { fault: string } => ({ fault: `strconv.ParseInt: parsing ${quote(written)}: ${why}` });
  const [, sign = "", digits] = integer.exec(written) ?? [];
  if (digits === undefined) return fault("invalid syntax");
  const amount = BigInt(digits.replaceAll("_", "").replace(/^0(?=\d)/, "0o"));
  const value = sign === "-" ? -amount : amount;
  return value < minInteger || value > maxInteger ? fault("value out of range") : value;
}
