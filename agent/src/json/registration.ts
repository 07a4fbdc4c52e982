/** The body of a service registration: decoded, defaulted and validated in the order and words of Consul 1.8. */
import { isIPv4, isIPv6 } from "node:net";

import { RequestError } from "../http/reply.ts";
import type { CheckSpec, Service, Status, TaggedAddress } from "../state/service.ts";
import {
  booleanField,
  decodeBody,
  durationField,
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

type Draft = { -readonly [Field in keyof CheckSpec]: CheckSpec[Field] } & {
  /** Anything at all was said about the check; Consul ignores a `Check` that is empty. */
  stated: boolean;
  intervalMs: number;
  /** Not a TTL check, and which kind then. */
  kind: "" | "script" | "HTTP" | "TCP" | "gRPC" | "alias";
  statedStatus: string;
};

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
  const several: Draft[] = [];
  const unsupported: string[] = [];

  const weight = (): { passing: number; warning: number } => (weights ??= { passing: 0, warning: 0 });
  const readTagged = mapField((tag, value, path) => {
    const entry = { address: "", port: 0 };
    const fields = { Address: stringField((v) => (entry.address = v)), Port: integerField((v) => (entry.port = v)) };
    objectField(fields, path)(value, path);
    tagged.push([tag, entry]);
  }, "map[string]structs.ServiceAddress");
  const refuse =
    (field: string): FieldReader =>
    (value) => {
      const isNothing = value === null || (typeof value === "object" && Object.keys(value).length === 0);
      if (!isNothing) unsupported.push(field);
    };

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
    Check: checkField(() => single),
    Checks: listOf(
      checkField(() => {
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
  validateMeta(meta);
  if (weights !== undefined) validateWeights(weights);
  if (kind !== "") unsupported.push("Kind");
  if (unsupported.length > 0) {
    refused(`${unsupported.join(", ")} is not supported by the meshwork agent yet: run against a real Consul`);
  }
  const drafts = [...(single.stated ? [single] : []), ...several];
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
  return { service, checks: drafts.map(toSpec) };
}

function checkField(begin: () => Draft): FieldReader {
  return (value, path) => {
    const draft = begin();
    const say = (kind: Draft["kind"]) => (): void => void (draft.kind = kind);
    const kindIfText = (kind: Draft["kind"]): FieldReader => stringField((v) => v !== "" && say(kind)());
    const script = listOf(stringField(say("script")), "[]string");
    const deregister = durationField((ms) => (draft.deregisterAfterMs = ms));
    const fields: Record<string, FieldReader> = {
      CheckID: stringField((v) => (draft.id = v)),
      Name: stringField((v) => (draft.name = v)),
      Notes: stringField((v) => (draft.notes = v)),
      Status: stringField((v) => (draft.statedStatus = v)),
      TTL: durationField((ms) => (draft.ttlMs = ms)),
      Interval: durationField((ms) => (draft.intervalMs = ms)),
      Timeout: durationField(() => undefined),
      DeregisterCriticalServiceAfter: deregister,
      deregister_critical_service_after: deregister,
      HTTP: kindIfText("HTTP"),
      TCP: kindIfText("TCP"),
      GRPC: kindIfText("gRPC"),
      AliasService: kindIfText("alias"),
      AliasNode: kindIfText("alias"),
      ScriptArgs: script,
      script_args: script,
      Args: script,
    };
    for (const field of ignoredCheckFields) fields[field] = ignoredField;
    objectField(fields, "")(value, path);
    draft.stated = JSON.stringify({ ...draft, stated: false }) !== JSON.stringify(newDraft());
  };
}

/** They shape kinds of checks that this agent refuses, or change nothing about a TTL. */
const ignoredCheckFields = [
  "Header",
  "Method",
  "Body",
  "Shell",
  "DockerContainerID",
  "docker_container_id",
  "GRPCUseTLS",
  "TLSSkipVerify",
  "tls_skip_verify",
  "SuccessBeforePassing",
  "FailuresBeforeCritical",
  "ProxyHTTP",
  "ProxyGRPC",
  "OutputMaxSize",
  "ServiceID",
  "service_id",
] as const;

function newDraft(): Draft {
  return {
    id: "",
    name: "",
    notes: "",
    ttlMs: 0,
    status: "critical",
    deregisterAfterMs: 0,
    stated: false,
    intervalMs: 0,
    kind: "",
    statedStatus: "",
  };
}

function toSpec(draft: Draft): CheckSpec {
  const { id, name, notes, ttlMs, deregisterAfterMs, kind, intervalMs, statedStatus } = draft;
  const polled = kind !== "" && kind !== "alias";
  if (intervalMs > 0 && ttlMs > 0) refused("Invalid check: Interval and TTL cannot both be specified");
  if (polled && intervalMs <= 0) {
    refused("Invalid check: Interval must be > 0 for Script, HTTP, or TCP checks");
  }
  if (kind === "" && ttlMs <= 0) refused("Invalid check: TTL must be > 0 for TTL checks");
  if (kind !== "") {
    const which = `a check of kind ${kind}`;
    refused(`${which} is not supported by the meshwork agent yet: use a TTL check, or run against a real Consul`);
  }
  const status = statedStatus === "" ? "critical" : statedStatus;
  if (!isStatus(status)) refused("Status for checks must 'passing', 'warning', 'critical'");
  return { id, name, notes, ttlMs, status, deregisterAfterMs };
}

export function isStatus(written: string): written is Status {
  return written === "passing" || written === "warning" || written === "critical";
}

function validateMeta(meta: readonly [string, string][]): void {
  if (meta.length > maxMetaPairs) {
    refused(`Invalid Service Meta: Node metadata cannot contain more than ${maxMetaPairs} key/value pairs`);
  }
  for (const [key, value] of meta) {
    const why = metaFault(key, value);
    if (why !== "") refused(`Invalid Service Meta: Couldn't load metadata pair ('${key}', '${value}'): ${why}`);
  }
}

function metaFault(key: string, value: string): string {
  if (key === "") return "Key cannot be blank";
  if (!/^[\w-]+$/.test(key)) return "Key contains invalid characters";
  if (key.length > maxMetaKeyChars) return `Key is too long (limit: ${maxMetaKeyChars} characters)`;
  if (key.startsWith("consul-")) return "Key prefix 'consul-' is reserved for internal use";
  if (value.length > maxMetaValueChars) return `Value is too long (limit: ${maxMetaValueChars} characters)`;
  return "";
}

function validateWeights({ passing, warning }: { passing: number; warning: number }): void {
  if (passing < 1) refused("Invalid Weights: Passing must be greater than 0");
  if (warning < 0) refused("Invalid Weights: Warning must be greater or equal than 0");
  if (passing > maxWeight || warning > maxWeight) {
    refused(`Invalid Weights: DNS Weight must be between 0 and ${maxWeight}`);
  }
}

/** An IP address is also listed by its family; a name is not resolved. */
function ownTaggedAddresses(address: string, port: number): [string, TaggedAddress][] {
  const family = isIPv4(address) ? "ipv4" : isIPv6(address) ? "ipv6" : undefined;
  if (family === undefined) return [];
  return [`lan_${family}`, `wan_${family}`].map((tag) => [tag, { address, port }]);
}

/** By key, so that the same content reads the same; later entries win. */
function sorted<V>(entries: readonly [string, V][]): Record<string, V> {
  return Object.fromEntries([...new Map(entries)].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function refused(why: string): never {
  throw new RequestError(400, why);
}
