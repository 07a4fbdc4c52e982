/** Keys and certificates as they are given, tried once, so that a wrong one is named before anything connects. */
import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { MeshError } from "../call/mesh-error.ts";
import type { TlsOptions } from "./transport.ts";

export type TlsParts = Pick<TlsOptions, "ca" | "cert" | "key">;

/** What the parts are called where they were given. */
export interface PartNames {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Throws INVALID_ARGUMENT for what cannot be used: half a pair, what is no PEM, a key of another certificate. */
export function checkTlsParts(tls: TlsParts, names: PartNames): void {
  if (tls.cert !== undefined && tls.key === undefined) {
    throw invalid(`${names.cert} is given without its private key: give ${names.key} too`);
  }
  if (tls.key !== undefined && tls.cert === undefined) {
    throw invalid(`${names.key} is given without its certificate: give ${names.cert} too`);
  }
  for (const ca of pemList(tls.ca)) {
    try {
      // A secure context takes what is no certificate in silence, and then trusts nobody.
      void new X509Certificate(ca);
    } catch (error) {
      throw unusable(`${names.ca} is no certificate`, error, "give the CA's certificate as PEM");
    }
  }
  if (tls.cert === undefined) return;
  try {
    createSecureContext({ cert: tls.cert, key: tls.key });
  } catch (error) {
    const wayOut = "give a certificate chain and the private key of its first certificate, both as PEM";
    throw unusable(`${names.cert} and ${names.key} cannot be used together`, error, wayOut);
  }
}

function pemList(pem: TlsOptions["ca"]): readonly (string | Buffer)[] {
  if (pem === undefined) return [];
  return typeof pem === "string" || Buffer.isBuffer(pem) ? [pem] : pem;
}

/** An INVALID_ARGUMENT in one sentence: what, why, and what to do. */
export function unusable(what: string, error: unknown, wayOut: string): MeshError {
  const why = error instanceof Error ? error.message : String(error);
  return new MeshError("INVALID_ARGUMENT", `${what} (${why}): ${wayOut}`, { cause: error });
}

function invalid(reason: string): MeshError {
  return new MeshError("INVALID_ARGUMENT", reason);
}
