/** The keys that an authority signs with: RSA, or ECDSA on one of NIST's curves. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { AuthorityConfigError } from "./authority-error.ts";

/** OpenSSL's names. */
export const ecCurves: ReadonlyMap<number, string> = new Map([
  [224, "secp224r1"],
  [256, "prime256v1"],
  [384, "secp384r1"],
  [521, "secp521r1"],
]);

/** A pair of keys, and what it is. */
export interface AuthorityKeys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly type: "ec" | "rsa";
  readonly bits: number;
}

/** What a configuration says of the authority's key. */
export interface KeySettings {
  /** PEM; empty for one that the authority makes itself, of this type and length. */
  readonly written: string;
  readonly type: "ec" | "rsa";
  readonly bits: number;
}

/** The keys that a configuration brings along, or new ones. @throws AuthorityConfigError */
export function authorityKeys({ written, type, bits }: KeySettings): AuthorityKeys {
  if (written !== "") return describedKeys(parsePrivateKey(written));
  const { privateKey } =
    type === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: bits })
      : generateKeyPairSync("ec", { namedCurve: ecCurves.get(bits) ?? "prime256v1" });
  return describedKeys(privateKey);
}

function describedKeys(privateKey: KeyObject): AuthorityKeys {
  const publicKey = createPublicKey(privateKey);
  const { modulusLength, namedCurve } = privateKey.asymmetricKeyDetails ?? {};
  if (modulusLength !== undefined) return { publicKey, privateKey, type: "rsa", bits: modulusLength };
  const [bits = 0] = [...ecCurves].find(([, curve]) => curve === namedCurve) ?? [];
  return { publicKey, privateKey, type: "ec", bits };
}

const keyLabels = new Set(["EC PRIVATE KEY", "RSA PRIVATE KEY", "PRIVATE KEY"]);

function parsePrivateKey(written: string): KeyObject {
  const [, label] = /-----BEGIN ([^-\n]+)-----/.exec(written) ?? [];
  if (label === undefined) refuseKey(written, "no PEM-encoded data found");
  if (!keyLabels.has(label)) refuseKey(written, `unknown PEM block type for signing key: ${label}`);
  let key: KeyObject;
  try {
    key = createPrivateKey(written);
  } catch (error) {
    return refuseKey(written, error instanceof Error ? error.message : String(error));
  }
  const { namedCurve } = key.asymmetricKeyDetails ?? {};
  const isKnown = key.asymmetricKeyType === "rsa" || [...ecCurves.values()].includes(namedCurve ?? "");
  return isKnown ? key : refuseKey(written, "neither RSA nor one of the curves P-224, P-256, P-384 and P-521");
}

function refuseKey(written: string, why: string): never {
  const prefix = "error generating CA root certificate: error generating CA: error parsing private key";
  throw new AuthorityConfigError(`${prefix} ${JSON.stringify(written)}: ${why}`);
}

/** What tells keys apart: the SHA-256 of the public key in its DER form. */
export function keyId(publicKey: KeyObject): Buffer {
  return createHash("sha256").update(spkiOf(publicKey)).digest();
}

export function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: "spki", format: "der" });
}
