/**
 * Overrides of a chain and the hash that tells customised chains apart. Clients name things after the hash, so it is
 * computed as Consul does: 64-bit FNV-1 over Go's representation of the overrides that made a difference.
 * https://github.com/mitchellh/hashstructure
 */
import type { MeshGateway } from "../config-entries/config-entry.ts";

/** Empty and zero for none. */
export interface Overrides {
  readonly meshGateway: MeshGateway;
  /** Leaves routers and splitters out when it is one that cannot be routed. */
  readonly protocol: string;
  readonly connectTimeoutNs: bigint;
}

export const noOverrides: Overrides = { meshGateway: { mode: "" }, protocol: "", connectTimeoutNs: 0n };

/** The overrides that made a difference. */
export interface Customization {
  meshGateway: MeshGateway | undefined;
  protocol: string | undefined;
  connectTimeoutNs: bigint | undefined;
}

const hashDigits = 8;

/** Empty when nothing made a difference. */
export function customizationHash({ meshGateway, protocol, connectTimeoutNs }: Customization): string {
  if (meshGateway === undefined && protocol === undefined && connectTimeoutNs === undefined) return "";
  const gateway = hashStruct("MeshGatewayConfig", { Mode: hashText(meshGateway?.mode ?? "") });
  const hash = hashStruct("", {
    OverrideMeshGateway: gateway,
    OverrideProtocol: hashText(protocol ?? ""),
    OverrideConnectTimeout: fnv1(littleEndian(connectTimeoutNs ?? 0n)),
  });
  return hash.toString(16).slice(0, hashDigits);
}

const offsetBasis = 14_695_981_039_346_656_037n;
const prime = 1_099_511_628_211n;

function fnv1(bytes: Uint8Array): bigint {
  let hash = offsetBasis;
  for (const byte of bytes) hash = BigInt.asUintN(64, hash * prime) ^ BigInt(byte);
  return hash;
}

function hashText(text: string): bigint {
  return fnv1(Buffer.from(text));
}

/** The order of fields does not matter: their hashes are put together by exclusive or. */
function hashStruct(name: string, fields: Readonly<Record<string, bigint>>): bigint {
  let hash = hashText(name);
  for (const [field, value] of Object.entries(fields)) {
    hash ^= fnv1(Buffer.concat([littleEndian(hashText(field)), littleEndian(value)]));
  }
  return hash;
}

function littleEndian(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
}
