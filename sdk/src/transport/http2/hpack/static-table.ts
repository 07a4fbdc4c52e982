/** The static table of RFC 7541 appendix A: as arrays by index for who reads, as maps by name for who writes. */

/** In the order of their indices, which begin with 1. */
const FIELDS: readonly (readonly [name: string, value: string])[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];

/** By index; nothing has index 0. */
export const STATIC_NAMES: readonly string[] = ["", ...FIELDS.map(([name]) => name)];
export const STATIC_VALUES: readonly string[] = ["", ...FIELDS.map(([, value]) => value)];

/** The newest entry of the dynamic table comes right after the static ones (RFC 7541 section 2.3.3). */
export const FIRST_DYNAMIC_INDEX = STATIC_NAMES.length;

export interface StaticName {
  /** The first that has the name. */
  readonly index: number;
  /** Indices of whole fields by their values. */
  readonly values: ReadonlyMap<string, number>;
}

export const STATIC_INDEX: ReadonlyMap<string, StaticName> = byName();

function byName(): Map<string, StaticName> {
  const names = new Map<string, { index: number; values: Map<string, number> }>();
  for (const [position, [name, value]] of FIELDS.entries()) {
    const index = position + 1;
    const known = names.get(name);
    if (known === undefined) names.set(name, { index, values: new Map([[value, index]]) });
    else known.values.set(value, index);
  }
  return names;
}
