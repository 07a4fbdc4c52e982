/** The bodies of `/v1/catalog/register` and `deregister`: decoded, defaulted and validated as Consul 1.8 does. */
import { formatDurationMs } from "./go-duration.ts";
import { RequestError } from "../http/reply.ts";
import type { CatalogRegistration } from "../state/catalog.ts";
import type { CheckContent, NodeDescription, Service, TaggedAddress } from "../state/service.ts";
import { faultOfUuid } from "../state/uuid.ts";
import { headerField } from "./check-definition.ts";
import {
  booleanField,
  decodeBody,
  durationField,
  type FieldReader,
  ignoredField,
  integerField,
  listOf,
  looseObjectField,
  mapField,
  objectField,
  stringField,
} from "./decode.ts";
import {
  faultOfMeta,
  faultOfWeights,
  ifSaid,
  refuseUnsupportedFields,
  sorted,
  taggedAddressesField,
} from "./registration.ts";

/** @throws RequestError when the body is none, or misses what every registration needs. */
export function decodeCatalogRegistration(body: Buffer, ownDatacenter: string): CatalogRegistration {
  const node = { id: "", name: "", address: "", datacenter: "" };
  let taggedAddresses: NodeDescription["taggedAddresses"] = null;
  let meta: NodeDescription["meta"] = null;
  let keepNode = false;
  let service: ServiceDraft | undefined;
  let single: CheckDraft | undefined;
  const checks: CheckDraft[] = [];
  const unsupported: string[] = [];
  decodeBody(
    body,
    {
      Datacenter: stringField((v) => (node.datacenter = v)),
      ID: stringField((v) => (node.id = v)),
      Node: stringField((v) => (node.name = v)),
      Address: stringField((v) => (node.address = v)),
      TaggedAddresses: stringMapField((v) => (taggedAddresses = v)),
      NodeMeta: stringMapField((v) => (meta = v)),
      SkipNodeUpdate: booleanField((v) => (keepNode = v)),
      Service: serviceField(() => (service ??= newService()), unsupported),
      Check: checkField(() => (single ??= newCheck())),
      Checks: listOf(
        checkField(() => {
          const draft = newCheck();
          checks.push(draft);
          return draft;
        }),
        "structs.HealthChecks",
      ),
      Token: ignoredField,
      CreateIndex: ignoredField,
      ModifyIndex: ignoredField,
    },
    "RegisterRequest",
  );
  if (single !== undefined) checks.push(single);
  if (node.datacenter === "") node.datacenter = ownDatacenter;
  if (node.datacenter !== ownDatacenter) refused("No path to datacenter");
  if (node.name === "") refused("Must provide node");
  const idFault = faultOfUuid(node.id);
  if (idFault !== "") refused(`Bad node ID: ${idFault}`);
  if (node.address === "" && !keepNode) refused("Must provide address if SkipNodeUpdate is not set");
  refuseUnsupportedFields(unsupported);
  return {
    node: { ...node, taggedAddresses, meta },
    keepNode,
    ...(service === undefined ? {} : { service: toService(service, node.name) }),
    checks: checks.map((check) => toCheck(check, node.name)),
  };
}

export interface Deregistration {
  readonly node: string;
  /** One of the two, or neither for the whole node; a service comes before a check. */
  readonly serviceId: string;
  readonly checkId: string;
}

/** @throws RequestError when the body is none, or names no node. */
export function decodeDeregistration(body: Buffer, ownDatacenter: string): Deregistration {
  let datacenter = "";
  let node = "";
  let serviceId = "";
  let checkId = "";
  decodeBody(body, {
    Datacenter: stringField((v) => (datacenter = v)),
    Node: stringField((v) => (node = v)),
    ServiceID: stringField((v) => (serviceId = v)),
    CheckID: stringField((v) => (checkId = v)),
    Address: ignoredField,
    Token: ignoredField,
  });
  if (datacenter !== "" && datacenter !== ownDatacenter) refused("No path to datacenter");
  if (node === "") refused("Must provide node");
  return { node, serviceId, checkId };
}

type ServiceDraft = {
  -readonly [Field in Exclude<keyof Service, "taggedAddresses" | "meta" | "tags">]: Service[Field];
} & {
  tags: string[];
  meta: [string, string][];
  tagged: [string, TaggedAddress][];
};

function newService(): ServiceDraft {
  return {
    id: "",
    name: "",
    tags: [],
    meta: [],
    tagged: [],
    address: "",
    port: 0,
    weights: { passing: 0, warning: 0 },
    enableTagOverride: false,
    connectNative: false,
  };
}

function serviceField(begin: () => ServiceDraft, unsupported: string[]): FieldReader {
  return (value, path) => {
    if (value === null) return;
    const draft = begin();
    const refuse = (field: string): FieldReader => ifSaid(() => unsupported.push(field));
    const fields = {
      ID: stringField((v) => (draft.id = v)),
      Service: stringField((v) => (draft.name = v)),
      Tags: listOf(
        stringField((v) => draft.tags.push(v)),
        "[]string",
      ),
      Meta: stringMapField((v) => (draft.meta = Object.entries(v))),
      Address: stringField((v) => (draft.address = v)),
      Port: integerField((v) => (draft.port = v)),
      TaggedAddresses: taggedAddressesField((tag, address) => draft.tagged.push([tag, address])),
      EnableTagOverride: booleanField((v) => (draft.enableTagOverride = v)),
      Weights: objectField(
        {
          Passing: integerField((v) => (draft.weights = { ...draft.weights, passing: v })),
          Warning: integerField((v) => (draft.weights = { ...draft.weights, warning: v })),
        },
        "Weights",
      ),
      Connect: objectField({
        Native: booleanField((v) => (draft.connectNative = v)),
        SidecarService: refuse("SidecarService"),
      }),
      Kind: stringField((v) => v !== "" && unsupported.push("Kind")),
      Proxy: looseObjectField((name, item) => {
        const isDefault = name === "MeshGateway" || name === "Expose";
        if (!isDefault || JSON.stringify(item) !== "{}") unsupported.push(`Proxy.${name}`);
      }),
      CreateIndex: ignoredField,
      ModifyIndex: ignoredField,
    };
    objectField(fields, `NodeService.${lastOf(path)}`, "structs.NodeService")(value, path);
  };
}

function toService(draft: ServiceDraft, node: string): Service {
  const { id, name, tags, meta, address, port, tagged, weights, enableTagOverride, connectNative } = draft;
  if (id !== "" && name === "") refused("Must provide service name with ID");
  if (address === "0.0.0.0" || address === "::" || address === "[::]") refused("Invalid service address");
  const ownId = id === "" ? name : id;
  const fault = faultOfMeta(meta);
  if (fault !== "") {
    const where = `for node ${node} and serviceID ${ownId}`;
    refused(`failed inserting service: Invalid Service Meta ${where}: ${fault}`);
  }
  if (name === "") refused("failed inserting service: failed inserting service: missing value for index 'service'");
  return {
    id: ownId,
    name,
    tags,
    meta: sorted(meta),
    address,
    port,
    taggedAddresses: sorted(tagged),
    weights: faultOfWeights(weights) === "" ? weights : { passing: 1, warning: 1 },
    enableTagOverride,
    connectNative,
  };
}

type CheckDraft = { -readonly [Field in Exclude<keyof CheckContent, "definition">]: CheckContent[Field] } & {
  node: string;
  definition: Record<string, unknown>;
};

function newCheck(): CheckDraft {
  return {
    node: "",
    id: "",
    name: "",
    notes: "",
    type: "",
    serviceId: "",
    serviceName: "",
    serviceTags: [],
    status: "",
    output: "",
    definition: {},
  };
}

function checkField(begin: () => CheckDraft): FieldReader {
  return (value, path) => {
    if (value === null) return;
    const draft = begin();
    const fields = {
      Node: stringField((v) => (draft.node = v)),
      CheckID: stringField((v) => (draft.id = v)),
      Name: stringField((v) => (draft.name = v)),
      Status: stringField((v) => (draft.status = v)),
      Notes: stringField((v) => (draft.notes = v)),
      Output: stringField((v) => (draft.output = v)),
      ServiceID: stringField((v) => (draft.serviceId = v)),
      ServiceName: stringField((v) => (draft.serviceName = v)),
      ServiceTags: listOf(
        stringField(() => undefined),
        "[]string",
      ),
      Type: stringField((v) => (draft.type = v)),
      Definition: definitionField(draft.definition),
      CreateIndex: ignoredField,
      ModifyIndex: ignoredField,
    };
    objectField(fields, `HealthCheck.${lastOf(path)}`, "structs.HealthCheck")(value, path);
  };
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

/** How somebody else does the check. What is not known is ignored, what is zero is not shown. */
export function definitionField(definition: Record<string, unknown>): FieldReader {
  const put = (name: string, value: unknown, isZero: boolean): void => {
    if (!isZero) definition[name] = value;
  };
  const strings = ["HTTP", "Method", "Body", "TCP", "DockerContainerID", "Shell", "GRPC", "AliasNode", "AliasService"];
  const durations = ["Interval", "Timeout", "DeregisterCriticalServiceAfter"];
  const headers: [string, string[]][] = [];
  const script: string[] = [];
  const fields: Record<string, FieldReader> = {
    TLSSkipVerify: booleanField((v) => put("TLSSkipVerify", v, !v)),
    GRPCUseTLS: booleanField((v) => put("GRPCUseTLS", v, !v)),
    OutputMaxSize: integerField((v) => put("OutputMaxSize", v, v === 0)),
    TTL: durationField((ms) => put("TTL", ms * nanosecondsPerMs, ms === 0)),
    Header: headerField((name, values) => {
      headers.push([name, values]);
      put("Header", Object.fromEntries(headers), false);
    }),
    ScriptArgs: listOf(
      stringField((v) => {
        script.push(v);
        put("ScriptArgs", script, false);
      }),
      "[]string",
    ),
  };
  for (const name of strings) fields[name] = stringField((v) => put(name, v, v === ""));
  for (const name of durations) fields[name] = durationField((ms) => put(name, formatDurationMs(ms), ms === 0));
  const known = new Map(Object.entries(fields).map(([name, read]) => [name.toLowerCase(), { name, read }]));
  return looseObjectField((written, value) => {
    const field = known.get(written.toLowerCase());
    field?.read(value, `.${field.name}`);
  });
}

const nanosecondsPerMs = 1e6;

function toCheck({ node, definition, ...check }: CheckDraft, ownNode: string): CheckContent {
  if (node !== "" && node !== ownNode) refused(`check node "${node}" does not match node "${ownNode}"`);
  return {
    ...check,
    id: check.id === "" ? check.name : check.id,
    status: check.status === "" ? "critical" : check.status,
    type: check.type === "" ? typeOf(definition) : check.type,
    definition,
  };
}

function typeOf(definition: Readonly<Record<string, unknown>>): string {
  const polled = "Interval" in definition;
  if ("GRPC" in definition && polled) return "grpc";
  if ("HTTP" in definition && polled) return "http";
  if ("TTL" in definition) return "ttl";
  if ("TCP" in definition && polled) return "tcp";
  if ("AliasNode" in definition || "AliasService" in definition) return "alias";
  if (!("ScriptArgs" in definition)) return "";
  return "DockerContainerID" in definition && polled ? "docker" : "script";
}

export function stringMapField(set: (value: Readonly<Record<string, string>>) => void): FieldReader {
  return (value, path) => {
    if (value === null) return;
    const entries: [string, string][] = [];
    mapField((name, item, path) => stringField((v) => entries.push([name, v]))(item, path), "map[string]string")(
      value,
      path,
    );
    set(sorted(entries));
  };
}

/** Consul says 500 to a registration that it can read and does not like. */
function refused(why: string): never {
  throw new RequestError(500, why);
}
