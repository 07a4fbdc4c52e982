/**
 * Certificates made for one run of the tests: X.509 version 3 (RFC 5280) in DER, with keys on P-256. Made here, since it is
 * little, and what makes them elsewhere brings a dozen packages along.
 */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const SEQUENCE = 0x30;
const SET = 0x31;
/** Of a TBSCertificate: [0] version and [3] extensions, both explicit. */
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
/** Of a GeneralName: [2] dNSName and [7] iPAddress. */
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

const ECDSA_WITH_SHA256 = der(SEQUENCE, oid(1, 2, 840, 10_045, 4, 3, 2));
const COMMON_NAME = oid(2, 5, 4, 3);
const SUBJECT_ALT_NAME = oid(2, 5, 29, 17);
const BASIC_CONSTRAINTS = oid(2, 5, 29, 19);

const DAY_MS = 24 * 60 * 60 * 1_000;

/** PEM, as TlsOptions takes it. */
export interface Certified {
  readonly cert: string;
  readonly key: string;
}

interface Issuer {
  readonly name: string;
  readonly key: KeyObject;
}

/** A certificate authority that signs for servers and clients. */
export class Authority {
  /** Its own certificate. */
  readonly ca: string;
  readonly #issuer: Issuer;
  #serial = 1;

  constructor(name: string) {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#issuer = { name, key: privateKey };
    const isAuthority = der(SEQUENCE, der(BOOLEAN, Buffer.from([0xff])));
    this.ca = this.#sign(name, publicKey, extension(BASIC_CONSTRAINTS, isAuthority));
  }

  /** @param hosts DNS names and IPv4 addresses that the certificate is for; none for a client. */
  issue(name: string, hosts: readonly string[] = []): Certified {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const names = hosts.map((host) =>
      /^[\d.]+$/.test(host)
        ? der(IP_ADDRESS, Buffer.from(host.split(".").map(Number)))
        : der(DNS_NAME, Buffer.from(host)),
    );
    const extensions = names.length === 0 ? [] : [extension(SUBJECT_ALT_NAME, der(SEQUENCE, ...names))];
    const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    return { cert: this.#sign(name, publicKey, ...extensions), key };
  }

  #sign(subject: string, publicKey: KeyObject, ...extensions: Buffer[]): string {
    const now = Date.now();
    const content = der(
      SEQUENCE,
      der(VERSION, der(INTEGER, Buffer.from([2]))),
      der(INTEGER, Buffer.from([this.#serial++])),
      ECDSA_WITH_SHA256,
      commonName(this.#issuer.name),
      der(SEQUENCE, utcTime(now - DAY_MS), utcTime(now + DAY_MS)),
      commonName(subject),
      publicKey.export({ type: "spki", format: "der" }),
      ...(extensions.length === 0 ? [] : [der(EXTENSIONS, der(SEQUENCE, ...extensions))]),
    );
    const signature = der(BIT_STRING, Buffer.from([0]), sign("sha256", content, this.#issuer.key));
    const certificate = der(SEQUENCE, content, ECDSA_WITH_SHA256, signature).toString("base64");
    const lines = certificate.match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
  }
}

/** What tests of TLS need, made when the first of them asks. */
export interface TestCertificates {
  readonly ca: string;
  /** For localhost and 127.0.0.1. */
  readonly server: Certified;
  readonly client: Certified;
  /** An authority that nobody above knows. */
  readonly strangers: Authority;
}

let made: TestCertificates | undefined;

export function testCertificates(): TestCertificates {
  if (made === undefined) {
    const authority = new Authority("test authority");
    const server = authority.issue("test server", ["localhost", "127.0.0.1"]);
    made = { ca: authority.ca, server, client: authority.issue("test client"), strangers: new Authority("strangers") };
  }
  return made;
}

/** One value in DER: its tag, its length in as few bytes as can be, its content. */
function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const length: number[] = [];
  for (let left = body.byteLength; left > 0; left >>>= 8) length.unshift(left & 0xff);
  const header = body.byteLength < 0x80 ? [tag, body.byteLength] : [tag, 0x80 | length.length, ...length];
  return Buffer.concat([Buffer.from(header), body]);
}

function oid(first: number, second: number, ...rest: readonly number[]): Buffer {
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return der(OBJECT_IDENTIFIER, Buffer.from(bytes));
}

function commonName(name: string): Buffer {
  return der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from(name)))));
}

function extension(id: Buffer, value: Buffer): Buffer {
  return der(SEQUENCE, id, der(OCTET_STRING, value));
}

/** YYMMDDHHMMSSZ */
function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, "");
  return der(UTC_TIME, Buffer.from(digits.slice(2)));
}
