/**
 * What two certificates of one kind have in common, down to the bits of every extension: all but the keys, the moments and
 * the names that nobody chose.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  Certificate,
  id_ce_authorityKeyIdentifier,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  type Name,
  SubjectAlternativeName,
} from "@peculiar/asn1-x509";

const certificates = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;

/** Certificates and keys in PEM, described; `undefined` for other text. */
export function pemShape(text: string): unknown {
  if (text.startsWith("-----BEGIN CERTIFICATE-----")) {
    const found = text.match(certificates) ?? [];
    return {
      certificates: found.map(certificateShape),
      isAll: found.join("") === text,
      endsInLine: text.endsWith("\n"),
    };
  }
  const [, label] = /^-----BEGIN (.*PRIVATE KEY)-----/.exec(text) ?? [];
  if (label === undefined) return undefined;
  const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(text);
  return { label, asymmetricKeyType, asymmetricKeyDetails, lines: text.split("\n").length };
}

function certificateShape(pem: string): object {
  const { raw } = new X509Certificate(pem);
  const { tbsCertificate, signatureAlgorithm } = AsnConvert.parse(raw, Certificate);
  const { version, signature, issuer, subject, validity, subjectPublicKeyInfo, extensions } = tbsCertificate;
  return {
    version,
    algorithms: [signature, signatureAlgorithm, subjectPublicKeyInfo.algorithm].map((algorithm) =>
      hex(AsnConvert.serialize(algorithm)),
    ),
    issuer: nameShape(issuer),
    subject: nameShape(subject),
    lifeMs: validity.notAfter.getTime().getTime() - validity.notBefore.getTime().getTime(),
    extensions: extensions?.map(({ extnID, critical, extnValue }) => ({
      extnID,
      critical,
      value: extensionShape(extnID, extnValue.buffer),
    })),
  };
}

function nameShape(name: Name): string[] {
  return name.flatMap((parts) =>
    parts.map(({ type, value }) => {
      const text = value.toString().replace(/^pri-[\da-z]+\./, "pri-<random>.");
      return `${type}=${text.replace(/\.[\da-f]{8}\.consul$/, ".<trust domain>.consul")}`;
    }),
  );
}

function extensionShape(id: string, value: ArrayBuffer): unknown {
  if (id === id_ce_subjectAltName) {
    return AsnConvert.parse(value, SubjectAlternativeName).map(({ uniformResourceIdentifier }) =>
      uniformResourceIdentifier?.replace(/[\da-f-]{36}\.consul/, "<trust domain>"),
    );
  }
  const isOfKey = id === id_ce_subjectKeyIdentifier || id === id_ce_authorityKeyIdentifier;
  return isOfKey ? { bytes: value.byteLength } : hex(value);
}

function hex(bytes: ArrayBuffer): string {
  return Buffer.from(bytes).toString("hex");
}
