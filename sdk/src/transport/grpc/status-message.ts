/**
 * The grpc-message trailer: UTF-8 with every byte escaped as %XX but %x20-%x24 and %x26-%x7E
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Responses").
 */

const SPACE = 0x20;
const PERCENT = 0x25;
const TILDE = 0x7e;
const UTF8_TAIL_BITS = 6;

/**
 * A status message as the trailer carries it: itself when nothing in it needs an escape. A lone surrogate, which UTF-8
 * cannot say, becomes U+FFFD.
 *
 * @param maxBytes how long the result may be; what is beyond is cut off between characters.
 */
export function encodeStatusMessage(text: string, maxBytes = Infinity): string {
  if (text.length <= maxBytes && isPlain(text)) return text;
  let encoded = "";
  // Iterates by character, so no surrogate pair is torn.
  for (const character of text) {
    const next = encodeCharacter(character);
    if (encoded.length + next.length > maxBytes) break;
    encoded += next;
  }
  return encoded;
}

function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (!isUnescaped(text.charCodeAt(at))) return false;
  return true;
}

function isUnescaped(code: number): boolean {
  return code >= SPACE && code <= TILDE && code !== PERCENT;
}

function encodeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (isUnescaped(code)) return character;
  if (code >= 0xd800 && code <= 0xdfff) return "%EF%BF%BD";
  if (code < 0x80) return escaped(code);
  if (code < 0x800) return escaped(0xc0 | (code >> UTF8_TAIL_BITS)) + tail(code);
  if (code < 0x1_0000) return escaped(0xe0 | (code >> 12)) + tail(code >> UTF8_TAIL_BITS) + tail(code);
  return escaped(0xf0 | (code >> 18)) + tail(code >> 12) + tail(code >> UTF8_TAIL_BITS) + tail(code);
}

function tail(bits: number): string {
  return escaped(0x80 | (bits & 0x3f));
}

function escaped(byte: number): string {
  return `%${byte < 0x10 ? "0" : ""}${byte.toString(16).toUpperCase()}`;
}

const HEX = "[0-9A-F]";
const TAIL = `%[89AB]${HEX}`;
/** Escapes that are well-formed UTF-8 (RFC 3629, section 4), so decodeURIComponent takes them without an error. */
const WELL_FORMED = new RegExp(
  `(?:%[0-7]${HEX}|%(?:C[2-9A-F]|D${HEX})${TAIL}|%E0%[AB]${HEX}${TAIL}|%E[1-9A-CEF](?:${TAIL}){2}|%ED%[89]${HEX}${TAIL}` +
    `|%F0%[9AB]${HEX}(?:${TAIL}){2}|%F[1-3](?:${TAIL}){3}|%F4%8${HEX}(?:${TAIL}){2})+`,
  "gi",
);

/** The text of a trailer. Never throws: escapes that say nothing stay as they are, as the specification asks. */
export function decodeStatusMessage(text: string): string {
  return text.includes("%") ? text.replace(WELL_FORMED, decodeURIComponent) : text;
}
