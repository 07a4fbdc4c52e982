/**
 * What makes a field malformed whatever it is for (RFC 9113 section 8.2.1). A message with such a field must not be
 * processed: passed on over HTTP/1 or into a log it could say something else.
 */

/** A number is what a table entry remembers; flaws of names are below VALUE_CHARACTERS. */
export type FieldFlaw = 0 | 1 | 2 | 3;
export const NO_FLAW = 0;
const NAME_EMPTY = 1;
const NAME_CHARACTERS = 2;
const VALUE_CHARACTERS = 3;

const COLON = 0x3a;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** 1 for what a token may hold (RFC 9110 section 5.6.2) but for upper-case letters. */
const NAME_BYTES = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") NAME_BYTES[char.charCodeAt(0)] = 1;

export function flawOfName(bytes: Uint8Array, start: number, end: number): FieldFlaw {
  if (start === end) return NAME_EMPTY;
  // A colon begins the name of a pseudo-field and is in no other.
  let at = bytes[start] === COLON ? start + 1 : start;
  if (at === end) return NAME_EMPTY;
  for (; at < end; at++) if (NAME_BYTES[bytes[at] as number] === 0) return NAME_CHARACTERS;
  return NO_FLAW;
}

/**
 * Spaces at either end are let pass, although section 8.2.1 forbids them: grpc-go sends them as they were given, and
 * gRPC's own rules allow them.
 */
export function flawOfValue(bytes: Uint8Array, start: number, end: number): FieldFlaw {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte <= CARRIAGE_RETURN && (byte === 0 || byte === LINE_FEED || byte === CARRIAGE_RETURN)) {
      return VALUE_CHARACTERS;
    }
  }
  return NO_FLAW;
}

/** What remains of a field's flaw when only its name is used. */
export function flawOfNameAlone(flaw: FieldFlaw): FieldFlaw {
  return flaw < VALUE_CHARACTERS ? flaw : NO_FLAW;
}

/** Enough to find the sender. */
const SHOWN_NAME_CHARS = 64;

/** In words; without the value, which may be a secret. */
export function describeFlaw(flaw: FieldFlaw, name: string): string {
  const shown = JSON.stringify(name.length > SHOWN_NAME_CHARS ? `${name.slice(0, SHOWN_NAME_CHARS)}…` : name);
  switch (flaw) {
    case NO_FLAW:
      return "";
    case NAME_EMPTY:
      return "a header field has an empty name";
    case NAME_CHARACTERS:
      return `header field name ${shown} holds an upper-case letter or a character that names cannot have`;
    case VALUE_CHARACTERS:
      return `value of header field ${shown} holds NUL, CR or LF`;
  }
}
