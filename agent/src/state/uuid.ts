/** UUIDs as Consul reads them: those of sessions loosely, those of nodes strictly. */

const uuidChars = 36;
const uuidDigits = 32;

/** Hexadecimal, without case, with hyphens anywhere: the one way to write it, or why it is none in the words of Consul's store. */
export type ParsedUuid = { readonly uuid: string } | { readonly fault: string };

export function parseUuid(written: string): ParsedUuid {
  const digits = written.replaceAll("-", "");
  if (Buffer.byteLength(written) !== uuidChars) return { fault: "UUID must be 36 characters" };
  const hyphens = written.length - digits.length;
  if (hyphens > 4) return { fault: `UUID should have maximum of 4 "-"; got ${hyphens}` };
  if (digits.length % 2 !== 0) return { fault: "Input (without hyphens) must be even length" };
  const odd = /[^\da-fA-F]/u.exec(digits);
  if (odd !== null) return { fault: `Invalid UUID: encoding/hex: ${invalidByte(odd[0])}` };
  const lower = digits.toLowerCase();
  // With fewer hyphens there are more digits, and no UUID of ours has those.
  if (lower.length !== uuidDigits) return { uuid: lower };
  return { uuid: lower.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-") };
}

/** Why a text is no UUID, in the words of go-uuid; empty for none at all. */
export function faultOfUuid(written: string): string {
  if (written === "") return "";
  if (written.length !== uuidChars) return "uuid string is wrong length";
  if (!/^.{8}-.{4}-.{4}-.{4}-.{12}$/.test(written)) return "uuid is improperly formatted";
  const odd = /[^\da-fA-F]/u.exec(written.replaceAll("-", ""));
  return odd === null ? "" : `encoding/hex: ${invalidByte(odd[0])}`;
}

function invalidByte(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  return `invalid byte: U+${code} '${character}'`;
}
