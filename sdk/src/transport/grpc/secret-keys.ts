/**
 * Metadata that nobody on the way may keep in a table, where the length of what is sent would tell whether a guess was
 * right (RFC 7541, section 7.1.3).
 */
const SECRET_KEYS: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization", "set-cookie"]);
/** No key of other lengths need be looked up. */
const SHORTEST = 6;
const LONGEST = 19;

export function isSecret(key: string): boolean {
  return key.length >= SHORTEST && key.length <= LONGEST && SECRET_KEYS.has(key);
}
