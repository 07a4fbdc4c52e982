/** The certificate of a service, with its own key; made for whoever asks, whether or not such a service is registered. */
import { generateKeyPairSync } from "node:crypto";
import type { IssueCertificate } from "./certificate-content.ts";
import { defaultNamespace } from "./intention.ts";
import { backdatedMs, colonHex, shortDomain, type SigningRoot } from "./root.ts";
import { serviceUri } from "./spiffe-id.ts";

export interface Leaf {
  /** As `0b:1f`. */
  readonly serialNumber: string;
  /** PEM: its own, then those that lead to an older root. */
  readonly certificates: string;
  /** PEM. Secret. */
  readonly privateKey: string;
  readonly service: string;
  readonly uri: string;
  /** Milliseconds since 1970. */
  readonly validAfterMs: number;
  readonly validBeforeMs: number;
}

export interface LeafOrder {
  readonly service: string;
  readonly trustDomain: string;
  readonly datacenter: string;
  readonly serialNumber: number;
  readonly nowMs: number;
  readonly ttlMs: number;
  readonly issue: IssueCertificate;
}

const second = 1_000;

/** A leaf has a key on P-256, whatever the root's. */
export function makeLeaf(order: LeafOrder, { root, issuer }: SigningRoot): Leaf {
  const { service, trustDomain, datacenter, ttlMs } = order;
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const uri = serviceUri(trustDomain, datacenter, service);
  const validAfterMs = Math.floor((order.nowMs - backdatedMs) / second) * second;
  const validBeforeMs = validAfterMs + ttlMs;
  const certificate = order.issue(
    {
      serialNumber: order.serialNumber,
      commonName: commonNameOf(service, trustDomain),
      publicKey,
      uri,
      usage: "service",
      notBeforeMs: validAfterMs,
      notAfterMs: validBeforeMs,
    },
    issuer,
  );
  const hex = order.serialNumber.toString(16);
  return {
    serialNumber: colonHex(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex")),
    certificates: [certificate, ...root.intermediates].join(""),
    privateKey: privateKey.export({ type: "sec1", format: "pem" }).toString(),
    service,
    uri,
    validAfterMs,
    validBeforeMs,
  };
}

/** X.509 allows no more in a common name. */
const maxCommonNameChars = 64;

/** For people who look at certificates; nobody verifies it. */
function commonNameOf(service: string, trustDomain: string): string {
  const suffix = `.svc.${defaultNamespace}.${shortDomain(trustDomain)}.consul`;
  const safe = service.toLowerCase().replaceAll(/[^a-z\d]/g, "");
  return `${safe.slice(0, maxCommonNameChars - suffix.length)}${suffix}`;
}
