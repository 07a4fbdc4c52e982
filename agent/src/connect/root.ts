/** Roots of the mesh's trust, one signing at a time, each of its successors signed by the one before. */
import { randomBytes, X509Certificate } from "node:crypto";
import { type AuthorityKeys, keyId } from "./authority-keys.ts";
import type { CertificateContent, IssueCertificate, Issuer } from "./certificate-content.ts";

/** A root, as it is shown. */
export interface Root {
  /** The SHA-1 of its certificate, as `44:95:…`. */
  readonly id: string;
  readonly serialNumber: number;
  /** As `79:8d:…`. */
  readonly signingKeyId: string;
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** PEM. */
  readonly certificate: string;
  /** PEM; its own key signed by the root before it. */
  readonly intermediates: readonly string[];
  readonly keyType: "ec" | "rsa";
  readonly keyBits: number;
}

/** A root that signs. */
export interface SigningRoot {
  readonly root: Root;
  readonly issuer: Issuer;
}

export interface RootOrder {
  readonly keys: AuthorityKeys;
  readonly trustDomain: string;
  readonly nowMs: number;
  readonly nextSerialNumber: () => number;
  /** The root before it, which signs it too, so that who trusts only that one trusts the leaves of both. */
  readonly before: SigningRoot | undefined;
  readonly issue: IssueCertificate;
}

const rootYears = 10;
const second = 1_000;
/** Certificates are good from a minute before they are made, for clocks that are late; roots as of Consul are not. */
export const backdatedMs = 60_000;
/** As long as anybody may need to learn of a new root. */
const crossSignedMs = 7 * 24 * 3_600_000;

export function makeRoot({ keys, trustDomain, nowMs, nextSerialNumber, before, issue }: RootOrder): SigningRoot {
  // The random part keeps apart what a mesh has had.
  const commonName = `pri-${randomBytes(4).toString("hex")}.consul.ca.${shortDomain(trustDomain)}.consul`;
  const issuer: Issuer = { commonName, publicKey: keys.publicKey, privateKey: keys.privateKey };
  const serialNumber = nextSerialNumber();
  const notBeforeMs = Math.floor(nowMs / second) * second;
  const notAfterMs = new Date(notBeforeMs).setUTCFullYear(new Date(notBeforeMs).getUTCFullYear() + rootYears);
  const content: CertificateContent = {
    serialNumber,
    commonName,
    uri: `spiffe://${trustDomain}`,
    usage: "authority",
    publicKey: keys.publicKey,
    notBeforeMs,
    notAfterMs,
  };
  const certificate = issue(content, issuer);
  const fromMs = notBeforeMs - backdatedMs;
  const crossSigned =
    before === undefined
      ? []
      : [
          issue(
            {
              ...content,
              serialNumber: nextSerialNumber(),
              notBeforeMs: fromMs,
              notAfterMs: fromMs + crossSignedMs,
            },
            before.issuer,
          ),
        ];
  const root: Root = {
    id: new X509Certificate(certificate).fingerprint.toLowerCase(),
    serialNumber,
    signingKeyId: colonHex(keyId(keys.publicKey)),
    notBeforeMs,
    notAfterMs,
    certificate,
    intermediates: crossSigned,
    keyType: keys.type,
    keyBits: keys.bits,
  };
  return { root, issuer };
}

/** So much of a trust domain tells it from others. */
export function shortDomain(trustDomain: string): string {
  return trustDomain.slice(0, 8);
}

/** As `0b:1f`. */
export function colonHex(bytes: Buffer): string {
  return (bytes.toString("hex").match(/../g) ?? []).join(":");
}
