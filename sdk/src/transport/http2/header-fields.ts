/**
 * What makes a header list malformed (RFC 9113, sections 8.1 to 8.3). Characters are the HPACK decoder's to check; here it
 * is about which fields there may be. A list is flat: name, value, name, value.
 */

const COLON = 0x3a;

/** Fields of HTTP/1.1's connections (section 8.2.2). */
function ofConnection(name: string, value: string): boolean {
  switch (name) {
    case "connection":
    case "keep-alive":
    case "proxy-connection":
    case "transfer-encoding":
    case "upgrade":
      return true;
    case "te":
      return value !== "trailers";
    default:
      return false;
  }
}

/** Why a request is malformed, or "" (section 8.3.1). */
export function requestFault(fields: readonly string[]): string {
  let seen = 0;
  let at = 0;
  for (; at < fields.length; at += 2) {
    const name = fields[at] ?? "";
    if (name.charCodeAt(0) !== COLON) break;
    const bit = requestPseudo(name);
    if (bit === 0) return `request has the pseudo-field ${name}`;
    if ((seen & bit) !== 0) return `request has ${name} twice`;
    if (name === ":path" && fields[at + 1] === "") return "request has an empty :path";
    seen |= bit;
  }
  if ((seen & NEEDED) !== NEEDED) return "request lacks :method, :scheme or :path";
  return regularFault(fields, at);
}

const NEEDED = 0b111;

function requestPseudo(name: string): number {
  switch (name) {
    case ":method":
      return 0b1;
    case ":scheme":
      return 0b10;
    case ":path":
      return 0b100;
    case ":authority":
      return 0b1000;
    default:
      return 0;
  }
}

/** Why a response is malformed, or "" (section 8.3.2). */
export function responseFault(fields: readonly string[]): string {
  if (fields[0] !== ":status") return "response does not begin with :status";
  if (!STATUS.test(fields[1] ?? "")) return `response has the :status ${fields[1]}`;
  return regularFault(fields, 2);
}

const STATUS = /^[1-5]\d\d$/;

/** Why fields that are no pseudo-fields are malformed, or "". Trailers have no others (section 8.1). */
export function regularFault(fields: readonly string[], from: number): string {
  for (let at = from; at < fields.length; at += 2) {
    const name = fields[at] ?? "";
    if (name.charCodeAt(0) === COLON) return `pseudo-field ${name} is not where it may be`;
    if (ofConnection(name, fields[at + 1] ?? "")) return `field ${name} is HTTP/1.1's`;
  }
  return "";
}

/** The bytes that content-length promises; -1 for none, -2 when it is no number or says different things. */
export function contentLength(fields: readonly string[]): number {
  let length = -1;
  for (let at = 0; at < fields.length; at += 2) {
    if (fields[at] !== "content-length") continue;
    const value = fields[at + 1] ?? "";
    const bytes = /^\d{1,15}$/.test(value) ? Number(value) : -2;
    if (length !== -1 && length !== bytes) return -2;
    length = bytes;
  }
  return length;
}
