/** The bodies of `/v1/connect/intentions`, read and shown as Consul 1.8 does. */
import { createHash } from "node:crypto";
import { defaultNamespace, type Intention, type IntentionDraft } from "../connect/intention.ts";
import { stringMapField } from "./catalog-body.ts";
import { decodeBody, integerField, stringField, uint64Field } from "./decode.ts";

const ignoredText = stringField(() => undefined);
const ignoredIndex = uint64Field(() => undefined);

/** What Consul makes of an intention's body. The ID is for the caller to judge. @throws RequestError */
export function decodeIntention(body: Buffer): { readonly id: string; readonly draft: IntentionDraft } {
  let id = "";
  let description = "";
  let action = "";
  let sourceType = "";
  let defaultAddress = "";
  let defaultPort = 0;
  let meta: Readonly<Record<string, string>> = {};
  const source = { namespace: "", name: "" };
  const destination = { namespace: "", name: "" };
  decodeBody(
    body,
    {
      ID: stringField((v) => (id = v)),
      Description: stringField((v) => (description = v)),
      SourceNS: stringField((v) => (source.namespace = v)),
      SourceName: stringField((v) => (source.name = v)),
      DestinationNS: stringField((v) => (destination.namespace = v)),
      DestinationName: stringField((v) => (destination.name = v)),
      SourceType: stringField((v) => (sourceType = v), "structs.IntentionSourceType"),
      Action: stringField((v) => (action = v), "structs.IntentionAction"),
      DefaultAddr: stringField((v) => (defaultAddress = v)),
      DefaultPort: integerField((v) => (defaultPort = v)),
      Meta: stringMapField((v) => (meta = v)),
      Precedence: integerField(() => undefined),
      CreatedAt: ignoredText,
      UpdatedAt: ignoredText,
      Hash: ignoredText,
      CreateIndex: ignoredIndex,
      ModifyIndex: ignoredIndex,
    },
    "",
    { goType: "struct { Hash string; CreatedAt string; UpdatedAt string; *structs.Alias }" },
  );
  const draft: IntentionDraft = {
    description,
    source: { ...source, namespace: source.namespace || defaultNamespace },
    destination: { ...destination, namespace: destination.namespace || defaultNamespace },
    sourceType: sourceType || "consul",
    action,
    defaultAddress,
    defaultPort,
    meta: meta,
  };
  return { id, draft };
}

export function intentionJson(intention: Intention): object {
  const { source, destination } = intention;
  const said = {
    ID: intention.id,
    Description: intention.description,
    SourceNS: source.namespace,
    SourceName: source.name,
    DestinationNS: destination.namespace,
    DestinationName: destination.name,
    SourceType: intention.sourceType,
    Action: intention.action,
    DefaultAddr: intention.defaultAddress,
    DefaultPort: intention.defaultPort,
    Meta: intention.meta,
    Precedence: intention.precedence,
  };
  return {
    ...said,
    CreatedAt: new Date(intention.createdAtMs).toISOString(),
    UpdatedAt: new Date(intention.updatedAtMs).toISOString(),
    // Consul's is a BLAKE2b of the same length, which Node's crypto has not; it only tells whether something changed.
    Hash: createHash("sha256").update(JSON.stringify(said)).digest("base64"),
    CreateIndex: intention.createIndex,
    ModifyIndex: intention.modifyIndex,
  };
}
