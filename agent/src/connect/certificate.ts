/**
 * X.509 certificates (RFC 5280) as Connect's built-in authority writes them: SPIFFE IDs in the subject's alternative
 * names, identifiers of keys, and nothing that a client could trip over. Loading what encodes them takes a third of a
 * second, so this is loaded by whoever needs the first certificate.
 */
import { type KeyObject, sign } from "node:crypto";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from "@peculiar/asn1-x509";
import { keyId, spkiOf } from "./authority-keys.ts";
import type { CertificateContent, IssueCertificate, Issuer } from "./certificate-content.ts";

export const issueCertificate: IssueCertificate = (content, issuer) => {
  const { algorithm, hash } = signingWith(issuer.privateKey, content.usage);
  const toBeSigned = new TBSCertificate({
    version: Version.v3,
    serialNumber: unsigned(content.serialNumber),
    signature: algorithm,
    issuer: named(issuer.commonName),
    validity: new Validity({ notBefore: new Date(content.notBeforeMs), notAfter: new Date(content.notAfterMs) }),
    subject: named(content.commonName),
    subjectPublicKeyInfo: AsnConvert.parse(spkiOf(content.publicKey), SubjectPublicKeyInfo),
    extensions: new Extensions(extensions(content, issuer)),
  });
  const bytes = Buffer.from(AsnConvert.serialize(toBeSigned));
  const signature = sign(hash, bytes, issuer.privateKey);
  const certificate = new Certificate({
    tbsCertificate: toBeSigned,
    signatureAlgorithm: algorithm,
    signatureValue: exactly(signature),
  });
  return pem("CERTIFICATE", Buffer.from(AsnConvert.serialize(certificate)));
};

function extensions({ usage, uri, publicKey }: CertificateContent, issuer: Issuer): Extension[] {
  const isAuthority = usage === "authority";
  const { digitalSignature, keyCertSign, cRLSign, keyEncipherment, dataEncipherment, keyAgreement } = KeyUsageFlags;
  const uses = isAuthority
    ? digitalSignature | keyCertSign | cRLSign
    : digitalSignature | keyEncipherment | dataEncipherment | keyAgreement;
  const purposes = isAuthority
    ? []
    : [extension(id_ce_extKeyUsage, new ExtendedKeyUsage([id_kp_clientAuth, id_kp_serverAuth]))];
  const issuerKey = new KeyIdentifier(keyId(issuer.publicKey));
  return [
    extension(id_ce_keyUsage, new KeyUsage(uses), "critical"),
    ...purposes,
    extension(id_ce_basicConstraints, new BasicConstraints({ cA: isAuthority }), "critical"),
    extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(keyId(publicKey))),
    extension(id_ce_authorityKeyIdentifier, new AuthorityKeyIdentifier({ keyIdentifier: issuerKey })),
    extension(id_ce_subjectAltName, new SubjectAlternativeName([new GeneralName({ uniformResourceIdentifier: uri })])),
  ];
}

function extension(extnID: string, value: object, weight?: "critical"): Extension {
  const extnValue = new OctetString(AsnConvert.serialize(value));
  return new Extension({ extnID, critical: weight === "critical", extnValue });
}

/** X.500's commonName. */
const commonNameType = "2.5.4.3";

function named(commonName: string): Name {
  const value = new AttributeValue({ utf8String: commonName });
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: commonNameType, value })])]);
}

type Usage = CertificateContent["usage"];

interface Signing {
  readonly algorithm: AlgorithmIdentifier;
  readonly hash: string;
}

/**
 * RFC 4055: RSA's parameters are a null. RFC 5758: ECDSA has none. Consul hashes to the length of the curve for roots, and to
 * 256 bits for services.
 */
function signingWith({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject, usage: Usage): Signing {
  if (asymmetricKeyType === "rsa") {
    return {
      algorithm: new AlgorithmIdentifier({ algorithm: "1.2.840.113549.1.1.11", parameters: null }),
      hash: "sha256",
    };
  }
  const [last, hash] = (usage === "authority" && longHashes.get(asymmetricKeyDetails?.namedCurve ?? "")) || shortHash;
  return { algorithm: new AlgorithmIdentifier({ algorithm: `1.2.840.10045.4.3.${last}` }), hash };
}

/** The end of the signature's identifier, and the hash. */
type EcdsaHash = readonly [last: number, hash: string];

const shortHash: EcdsaHash = [2, "sha256"];
const longHashes: ReadonlyMap<string, EcdsaHash> = new Map([
  ["secp384r1", [3, "sha384"]],
  ["secp521r1", [4, "sha512"]],
]);

/** The bytes of a positive INTEGER. */
function unsigned(value: number): ArrayBuffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return exactly((bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.from([0]), bytes]));
}

/** Without the pool that a small buffer is a part of. */
function exactly(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

const pemColumns = /.{1,64}/g;

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString("base64").match(pemColumns) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
