/**
 * How the mesh's certificate authority is configured, read in the way and the words of Consul's built-in one:
 * https://developer.hashicorp.com/consul/docs/connect/ca/consul
 */
import { formatGoDuration } from "../json/go-duration.ts";
import { decodeLoosely, type JsonObject, LooseDecodeError, optional, struct } from "../json/loose-codec.ts";
import { duration, flag, float32, integer, text } from "../json/loose-scalars.ts";
import { AuthorityConfigError, UnsupportedAuthorityError } from "./authority-error.ts";
import { ecCurves, type KeySettings } from "./authority-keys.ts";

/** What is stored and shown, as its owner wrote it. */
export interface AuthorityConfig {
  readonly provider: string;
  readonly config: JsonObject | null;
  readonly forceWithoutCrossSigning: boolean;
}

/** What Consul has when nobody configured anything. */
export const initialConfig: AuthorityConfig = {
  provider: "consul",
  config: { IntermediateCertTTL: "8760h", LeafCertTTL: "72h", RotationPeriod: "2160h" },
  forceWithoutCrossSigning: false,
};

/** What a configuration means. */
export interface AuthoritySettings {
  readonly key: KeySettings;
  readonly leafTtlMs: number;
}

const otherProviders = new Set(["vault", "aws-pca"]);

const hourNs = 3_600_000_000_000n;
const nsPerMs = 1e6;
const minLeafTtlNs = hourNs;
const maxLeafTtlNs = 365n * 24n * hourNs;
/** An intermediate that ends too soon would take leaves with it. */
const leavesPerIntermediate = 3n;
const defaultLeafTtlNs = 72n * hourNs;
const defaultIntermediateTtlNs = maxLeafTtlNs;
const defaultKeyBits = 256;

const codec = struct({
  privateKey: { name: "PrivateKey", codec: text },
  rootCert: { name: "RootCert", codec: text },
  leafTtlNs: { name: "LeafCertTTL", codec: optional(duration) },
  intermediateTtlNs: { name: "IntermediateCertTTL", codec: optional(duration) },
  rotationPeriodNs: { name: "RotationPeriod", codec: optional(duration) },
  keyType: { name: "PrivateKeyType", codec: optional(text) },
  keyBits: { name: "PrivateKeyBits", codec: optional(integer) },
  skipValidate: { name: "SkipValidate", codec: flag },
  csrMaxPerSecond: { name: "CSRMaxPerSecond", codec: float32 },
  csrMaxConcurrent: { name: "CSRMaxConcurrent", codec: integer },
  disableCrossSigning: { name: "DisableCrossSigning", codec: flag },
});

/** @throws AuthorityConfigError, UnsupportedAuthorityError */
export function readSettings({ provider, config }: AuthorityConfig): AuthoritySettings {
  if (otherProviders.has(provider)) throw new UnsupportedAuthorityError(`provider ${provider}`);
  if (provider !== "consul") {
    throw new AuthorityConfigError(`could not initialize provider: unknown CA provider ${JSON.stringify(provider)}`);
  }
  const read = decoded(config ?? {});
  const { privateKey, rootCert } = read;
  if (rootCert !== "" && privateKey === "") refuse("must provide a private key when providing a root cert");
  if (rootCert !== "") throw new UnsupportedAuthorityError("RootCert");
  const { leafTtlNs = defaultLeafTtlNs, intermediateTtlNs = defaultIntermediateTtlNs } = read;
  const { keyType = "ec", keyBits = defaultKeyBits } = read;
  if (!read.skipValidate) validate({ leafTtlNs, intermediateTtlNs, keyType, keyBits });
  const key = { written: privateKey, type: keyType === "rsa" ? "rsa" : "ec", bits: keyBits } as const;
  return { key, leafTtlMs: Number(leafTtlNs) / nsPerMs };
}

function decoded(config: JsonObject): typeof codec.zero {
  try {
    return decodeLoosely(codec, config, "", []);
  } catch (error) {
    if (error instanceof LooseDecodeError) refuse(`error decoding config: ${error.message}`);
    throw error;
  }
}

interface Limited {
  readonly leafTtlNs: bigint;
  readonly intermediateTtlNs: bigint;
  readonly keyType: string;
  readonly keyBits: number;
}

function validate({ leafTtlNs, intermediateTtlNs, keyType, keyBits }: Limited): void {
  if (leafTtlNs < minLeafTtlNs) {
    refuse(`leaf cert TTL must be greater or equal than ${formatGoDuration(minLeafTtlNs)}`);
  }
  if (leafTtlNs > maxLeafTtlNs) refuse(`leaf cert TTL must be less than ${formatGoDuration(maxLeafTtlNs)}`);
  if (intermediateTtlNs < leavesPerIntermediate * hourNs) {
    refuse("Intermediate Cert TTL must be greater or equal than 3h");
  }
  const least = leavesPerIntermediate * leafTtlNs;
  if (intermediateTtlNs < least) {
    refuse(`Intermediate Cert TTL must be greater or equal than 3 * LeafCertTTL (>=${formatGoDuration(least)}).`);
  }
  if (keyType === "ec") {
    if (!ecCurves.has(keyBits)) refuse("EC key length must be one of (224, 256, 384, 521) bits");
  } else if (keyType !== "rsa") {
    refuse("private key type must be either 'ec' or 'rsa'");
  } else if (keyBits !== 2_048 && keyBits !== 4_096) {
    refuse("RSA key length must be 2048 or 4096 bits");
  }
}

function refuse(why: string): never {
  throw new AuthorityConfigError(`error configuring provider: ${why}`);
}
