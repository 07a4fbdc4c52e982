/** The body of a service registration: decoded, defaulted and validated in the order and words of Consul 1.8. */
import { isIPv4, isIPv6 } from "node:net";

import { RequestError } from "../http/reply.ts";
import type { CheckSpec } from "../state/check-spec.ts";
import type { Service, TaggedAddress } from "../state/service.ts";
import {
  type CheckDraft,
  isStated,
  isStatus,
  newDraft,
  serviceCheckField,
  toCheckSpec,
  validateCheck,
} from "./check-definition.ts";
import {
  booleanField,
  decodeBody,
  type FieldReader,
  ignoredField,
  integerField,
  listOf,
  mapField,
  objectField,
  stringField,
} from "./decode.ts";

export interface Registration {
  readonly service: Service;
  readonly checks: readonly CheckSpec[];
}

/** The same numbers as Consul's. */
const maxMetaPairs = 64;
const maxMetaKeyChars = 128;
const maxMetaValueChars = 512;
const maxWeight = 65_535;

export function decodeRegistration(body: Buffer): Registration {
  let id = "";
  let name = "";
  let address = "";
  let port = 0;
  let enableTagOverride = false;
  let connectNative = false;
  let kind = "";
  let weights: { passing: number; warning: number } | undefined;
  const tags: string[] = [];
  const meta: [string, string][] = [];
  const tagged: [string, TaggedAddress][] = [];
  const single = newDraft();
  const several: CheckDraft[] = [];
  const unsupported: string[] = [];

  const weight = (): { passing: number; warning: number } => (weights ??= { passing: 0, warning: 0 });
  const readTagged = taggedAddressesField((tag, entry) => tagged.push([tag, entry]));
  const refuse = (field: string): FieldReader => ifSaid(() => unsupported.push(field));

  decodeBody(body, {
    ID: stringField((v) => (id = v)),
    Name: stringField((v) => (name = v)),
    Tags: listOf(
      stringField((v) => tags.push(v)),
      "[]string",
    ),
    Meta: mapField((key, value, path) => stringField((v) => meta.push([key, v]))(value, path), "map[string]string"),
    Address: stringField((v) => (address = v)),
    Port: integerField((v) => (port = v)),
    TaggedAddresses: readTagged,
    tagged_addresses: readTagged,
    EnableTagOverride: booleanField((v) => (enableTagOverride = v)),
    enable_tag_override: booleanField((v) => (enableTagOverride = v)),
    Weights: objectField(
      {
        Passing: integerField((v) => (weight().passing = v)),
        Warning: integerField((v) => (weight().warning = v)),
      },
      "Weights.Weights",
    ),
    Check: serviceCheckField(() => single),
    Checks: listOf(
      serviceCheckField(() => {
        const draft = newDraft();
        several.push(draft);
        return draft;
      }),
      "structs.CheckTypes",
    ),
    Kind: stringField((v) => (kind = v)),
    Proxy: refuse("Proxy"),
    Connect: objectField({
      Native: booleanField((v) => (connectNative = v)),
      SidecarService: refuse("SidecarService"),
    }),
    Token: ignoredField,
  });

  if (name === "") refused("Missing service name");
  if (address === "0.0.0.0" || address === "::" || address === "[::]") refused("Invalid service address");
  const metaFault = faultOfMeta(meta);
  if (metaFault !== "") refused(`Invalid Service Meta: ${metaFault}`);
  const weightsFault = weights === undefined ? "" : faultOfWeights(weights);
  if (weightsFault !== "") refused(`Invalid Weights: ${weightsFault}`);
  if (kind !== "") unsupported.push("Kind");
  refuseUnsupportedFields(unsupported);
  const drafts = [...(isStated(single) ? [single] : []), ...several];
  for (const draft of drafts) validateCheck(draft);
  if (drafts.some(({ status }) => status !== "" && !isStatus(status))) {
    refused("Status for checks must 'passing', 'warning', 'critical'");
  }
  const service: Service = {
    id: id === "" ? name : id,
    name,
    tags,
    meta: sorted(meta),
    address,
    port,
    taggedAddresses: sorted([...ownTaggedAddresses(address, port), ...tagged]),
    weights: weights ?? { passing: 1, warning: 1 },
    enableTagOverride,
    connectNative,
  };
  return { service, checks: drafts.map(toCheckSpec) };
}

export function taggedAddressesField(read: (tag: string, address: TaggedAddress) => void): FieldReader {
  return mapField((tag, value, path) => {
    const entry = { address: "", port: 0 };
    const fields = { Address: stringField((v) => (entry.address = v)), Port: integerField((v) => (entry.port = v)) };
    objectField(fields, path)(value, path);
    read(tag, entry);
  }, "map[string]structs.ServiceAddress");
}

/** Tells of a field that says anything at all. */
export function ifSaid(tell: () => void): FieldReader {
  return (value) => {
    const isNothing = value === null || (typeof value === "object" && Object.keys(value).length === 0);
    if (!isNothing) tell();
  };
}

/** What is wrong with a service's metadata; empty when nothing is. */
export function faultOfMeta(meta: readonly (readonly [string, string])[]): string {
  if (meta.length > maxMetaPairs) return `Node metadata cannot contain more than ${maxMetaPairs} key/value pairs`;
  for (const [key, value] of meta) {
    const why = faultOfPair(key, value);
    if (why !== "") return `Couldn't load metadata pair ('${key}', '${value}'): ${why}`;
  }
  return "";
}

function faultOfPair(key: string, value: string): string {
  if (key === "") return "Key cannot be blank";
  if (!/^[\w-]+$/.test(key)) return "Key contains invalid characters";
  if (key.length > maxMetaKeyChars) return `Key is too long (limit: ${maxMetaKeyChars} characters)`;
  if (key.startsWith("consul-")) return "Key prefix 'consul-' is reserved for internal use";
  if (value.length > maxMetaValueChars) return `Value is too long (limit: ${maxMetaValueChars} characters)`;
  return "";
}

/** What is wrong with a service's weights; empty when nothing is. */
export function faultOfWeights({ passing, warning }: { passing: number; warning: number }): string {
  if (passing < 1) return "Passing must be greater than 0";
  if (warning < 0) return "Warning must be greater or equal than 0";
  if (passing > maxWeight || warning > maxWeight) return `DNS Weight must be between 0 and ${maxWeight}`;
  return "";
}

/** An IP address is also listed by its family; a name is not resolved. */
function ownTaggedAddresses(address: string, port: number): [string, TaggedAddress][] {
  const family = isIPv4(address) ? "ipv4" : isIPv6(address) ? "ipv6" : undefined;
  if (family === undefined) return [];
  return [`lan_${family}`, `wan_${family}`].map((tag) => [tag, { address, port }]);
}

/** By key, so that the same content reads the same; later entries win. */
export function sorted<V>(entries: readonly (readonly [string, V])[]): Record<string, V> {
  return Object.fromEntries([...new Map(entries)].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Sidecars and gateways. */
export function refuseUnsupportedFields(fields: readonly string[]): void {
  if (fields.length === 0) return;
  refused(`${fields.join(", ")} is not supported by the meshwork agent yet: run against a real Consul`);
}

function refused(why: string): never {
  throw new RequestError(400, why);
}
