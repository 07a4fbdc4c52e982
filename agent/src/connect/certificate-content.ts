/** What a certificate says, and who signs it. */
import type { KeyObject } from "node:crypto";

/** Who signs: a name, and the pair of keys behind it. */
export interface Issuer {
  readonly commonName: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export interface CertificateContent {
  readonly serialNumber: number;
  readonly commonName: string;
  readonly publicKey: KeyObject;
  /** The one name it is for. */
  readonly uri: string;
  readonly usage: "authority" | "service";
  /** Milliseconds since 1970; certificates hold whole seconds. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Signs a certificate; as PEM that ends in a line break. */
export type IssueCertificate = (content: CertificateContent, issuer: Issuer) => string;
