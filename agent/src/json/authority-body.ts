/** The bodies of `/v1/connect/ca`, and what `/v1/agent/connect/ca` answers. */
import type { AuthorityConfig } from "../connect/authority-config.ts";
import { RequestError } from "../http/reply.ts";
import type { Authority, IndexedLeaf, IndexedRoot } from "../state/authority.ts";
import { booleanField, decodeBody, type FieldReader, mapField, stringField, uint64Field } from "./decode.ts";
import { stringMapField } from "./catalog-body.ts";
import type { Json, JsonObject } from "./loose-codec.ts";
import { sorted } from "./registration.ts";

const goType = 'struct { ForceWithoutCrossSigningSnake bool "json:\\"force_without_cross_signing\\""; *structs.Alias }';

/** @throws RequestError */
export function decodeAuthorityConfig(body: Buffer): AuthorityConfig {
  let provider = "";
  let config: JsonObject | null = null;
  let forceWithoutCrossSigning = false;
  let hasState = false;
  const readForce = booleanField((v) => (forceWithoutCrossSigning ||= v));
  const readConfig: FieldReader = (value, path) => {
    const entries: [string, Json][] = [];
    mapField((name, item) => entries.push([name, item as Json]), "map[string]interface {}")(value, path);
    config = value === null ? null : sorted(entries);
  };
  const ignoredIndex = uint64Field(() => undefined);
  decodeBody(
    body,
    {
      Provider: stringField((v) => (provider = v)),
      Config: readConfig,
      State: stringMapField((v) => (hasState = Object.keys(v).length > 0)),
      ForceWithoutCrossSigning: readForce,
      force_without_cross_signing: readForce,
      CreateIndex: ignoredIndex,
      ModifyIndex: ignoredIndex,
    },
    "",
    { goType },
  );
  if (hasState) {
    const why = "Provider State is read-only. It must be omitted or identical to the current value";
    throw new RequestError(400, `Bad request: ${why}`);
  }
  return { provider, config, forceWithoutCrossSigning };
}

export function authorityConfigJson({ config }: Authority): object {
  return {
    Provider: config.provider,
    Config: config.config,
    State: null,
    ForceWithoutCrossSigning: config.forceWithoutCrossSigning,
    CreateIndex: config.createIndex,
    ModifyIndex: config.modifyIndex,
  };
}

export function rootsJson(roots: readonly IndexedRoot[], activeRootId: string, trustDomain: string): object {
  return {
    ActiveRootID: activeRootId,
    TrustDomain: trustDomain,
    Roots: roots.map((root) => ({
      ID: root.id,
      Name: "Consul CA Root Cert",
      SerialNumber: root.serialNumber,
      SigningKeyID: root.signingKeyId,
      ExternalTrustDomain: trustDomain.replace(/\.consul$/, ""),
      NotBefore: inSeconds(root.notBeforeMs),
      NotAfter: inSeconds(root.notAfterMs),
      RootCert: root.certificate,
      IntermediateCerts: root.intermediates.length === 0 ? null : root.intermediates,
      Active: root.active,
      PrivateKeyType: root.keyType,
      PrivateKeyBits: root.keyBits,
      CreateIndex: root.createIndex,
      ModifyIndex: root.modifyIndex,
    })),
  };
}

export function leafJson(leaf: IndexedLeaf): object {
  return {
    SerialNumber: leaf.serialNumber,
    CertPEM: leaf.certificates,
    PrivateKeyPEM: leaf.privateKey,
    Service: leaf.service,
    ServiceURI: leaf.uri,
    ValidAfter: inSeconds(leaf.validAfterMs),
    ValidBefore: inSeconds(leaf.validBeforeMs),
    CreateIndex: leaf.createIndex,
    ModifyIndex: leaf.modifyIndex,
  };
}

function inSeconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
