/**
 * Why a TLS handshake failed, for people. OpenSSL and Node say what they found and not what to do; the words of both are
 * the only thing that every path to a socket hands on.
 */

/** What was wrong. */
export type TlsFault = "untrusted" | "other name" | "not valid now" | "certificate wanted" | "distrusted" | "no tls";

/** What to do about each; it depends on where keys and certificates are given. */
export type TlsWayOuts = Readonly<Record<TlsFault, string>>;

const MESH_WAY_OUTS: TlsWayOuts = {
  untrusted: "give the CA that signed it as tls.ca, or MESH_TLS_CA",
  "other name": "give one that it has as tls.serverName, or the server a certificate for this one",
  "not valid now": "renew it, or set the clock of this machine",
  "certificate wanted": "give tls.cert and tls.key, or MESH_TLS_CERT and MESH_TLS_KEY",
  distrusted: "give one as tls.cert that a CA of the server's tls.ca has signed and that is valid",
  "no tls": "give the server a certificate, or this client tls: false",
};

/** What the other words stand for. */
const FAILURES: readonly (readonly [words: RegExp, fault: TlsFault, meaning: string])[] = [
  [
    /self-signed certificate|unable to verify|unable to get (?:local )?issuer/,
    "untrusted",
    "the server's certificate is not signed by a CA that this side trusts",
  ],
  [
    /does not match certificate's altnames|ERR_TLS_CERT_ALTNAME/,
    "other name",
    "the server's certificate is for other names",
  ],
  [
    /certificate has expired|certificate is not yet valid/,
    "not valid now",
    "the server's certificate is not valid now",
  ],
  [
    /alert certificate required|alert handshake failure/,
    "certificate wanted",
    "the server wants a certificate of this side",
  ],
  [
    /alert (?:unknown ca|bad certificate|certificate unknown|certificate expired|decrypt error)/,
    "distrusted",
    "the server does not trust this side's certificate",
  ],
  [/wrong version number|packet length too long/, "no tls", "the server does not speak TLS"],
];

/** "error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../deps/…": the fourth part says it. */
const OPENSSL_REASON = /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)/;

/** A sentence that begins with "TLS: ", or undefined when the failure is none of TLS. */
export function tlsFailure(message: string, wayOuts: TlsWayOuts = MESH_WAY_OUTS): string | undefined {
  const found = FAILURES.find(([words]) => words.test(message));
  const openSsl = OPENSSL_REASON.exec(message)?.[1];
  if (found === undefined) return openSsl === undefined ? undefined : `TLS: the handshake failed: ${openSsl}`;
  const [, fault, meaning] = found;
  return `TLS: ${meaning} (${openSsl ?? message.replace(/\.$/, "")}); ${wayOuts[fault]}`;
}

/** Why a server hangs up without a word: its user finds out which of the two. */
export const HUNG_UP_AT_ONCE =
  "the server closed it at once; it may speak TLS where this side does not, or not trust this side's certificate: compare tls, or MESH_TLS_CA, MESH_TLS_CERT and MESH_TLS_KEY, of both";
