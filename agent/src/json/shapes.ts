/**
 * The JSON of answers, field by field as Consul 1.8 writes it, with its differences between endpoints: the catalog shows
 * an absent Meta as `null` in one place and `{}` in another, agents know no indexes.
 */
import { emulatedVersion, type Node, nodeMeta, revision } from "../node.ts";
import type { Entry } from "../state/key-value.ts";
import type { CatalogNode, Check, CheckContent, Instance, Service, TaggedAddress } from "../state/service.ts";

const noProxy = { MeshGateway: {}, Expose: {} } as const;

/** What lists and maps are made of. */
type Identified<Field extends string> = { readonly [F in Field]: string } & Readonly<Record<string, unknown>>;

export function nodeJson(node: CatalogNode): object {
  return {
    ...nodeIdentity(node),
    TaggedAddresses: node.taggedAddresses,
    Meta: node.meta,
    CreateIndex: node.createIndex,
    ModifyIndex: node.modifyIndex,
  };
}

/** A service as `/v1/agent/services` shows it. */
export function agentServiceJson(service: Service): Identified<"ID"> {
  return {
    ID: service.id,
    Service: service.name,
    Tags: service.tags,
    Meta: service.meta,
    Port: service.port,
    Address: service.address,
    ...taggedAddresses("TaggedAddresses", service),
    Weights: weightsJson(service),
    EnableTagOverride: service.enableTagOverride,
    ...(service.connectNative ? { Connect: { Native: true } } : {}),
  };
}

/** A service as `/v1/health/service` shows it. */
export function healthServiceJson({ service, createIndex, modifyIndex }: Instance): Identified<"ID"> {
  return {
    ID: service.id,
    Service: service.name,
    Tags: service.tags,
    Address: service.address,
    ...taggedAddresses("TaggedAddresses", service),
    Meta: Object.keys(service.meta).length === 0 ? null : service.meta,
    Port: service.port,
    Weights: weightsJson(service),
    EnableTagOverride: service.enableTagOverride,
    Proxy: noProxy,
    Connect: connectJson(service),
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
  };
}

/** A service as `/v1/catalog/service` shows it. */
export function catalogServiceJson({ node, service, createIndex, modifyIndex }: Instance): object {
  return {
    ...nodeIdentity(node),
    TaggedAddresses: node.taggedAddresses,
    NodeMeta: node.meta,
    ServiceKind: "",
    ServiceID: service.id,
    ServiceName: service.name,
    ServiceTags: service.tags,
    ServiceAddress: service.address,
    ...taggedAddresses("ServiceTaggedAddresses", service),
    ServiceWeights: weightsJson(service),
    ServiceMeta: service.meta,
    ServicePort: service.port,
    ServiceEnableTagOverride: service.enableTagOverride,
    ServiceProxy: noProxy,
    ServiceConnect: connectJson(service),
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
  };
}

/** A check as the agent knows it. */
export function agentCheckJson(node: Node, check: CheckContent): Identified<"CheckID"> {
  return checkJson({ ...check, node: node.name, createIndex: 0, modifyIndex: 0 });
}

/** Checks of the catalog do not change but are replaced; each watch of all of them shows ten thousand again. */
const shownChecks = new WeakMap<Check, Readonly<Identified<"CheckID">>>();

/** A check as the catalog knows it. */
export function catalogCheckJson(check: Check): Readonly<Identified<"CheckID">> {
  const before = shownChecks.get(check);
  if (before !== undefined) return before;
  const shown = checkJson(check);
  shownChecks.set(check, shown);
  return shown;
}

/** A check as `/v1/agent/health/service` shows it. */
export function localHealthCheckJson(node: Node, check: CheckContent): object {
  const unused = { HTTP: "", Header: null, Method: "", Body: "", TLSSkipVerify: false, TCP: "" };
  const definition = { Interval: "0s", Timeout: "0s", DeregisterCriticalServiceAfter: "0s", ...unused };
  const shown = checkJson({ ...check, node: node.name, createIndex: 0, modifyIndex: 0 });
  const tags = check.serviceTags.length === 0 ? null : check.serviceTags;
  return { ...shown, ServiceTags: tags, Type: "", Definition: definition };
}

/** A key as `/v1/kv` shows it. Its flags are 64 bits: write it with `stringifyExactly`. */
export function entryJson(entry: Entry): object {
  return {
    LockIndex: entry.lockIndex,
    Key: entry.key,
    Flags: entry.flags,
    Value: entry.value.length === 0 ? null : entry.value.toString("base64"),
    ...(entry.session === "" ? {} : { Session: entry.session }),
    CreateIndex: entry.createIndex,
    ModifyIndex: entry.modifyIndex,
  };
}

export function selfJson(node: Node): object {
  return {
    Config: {
      Datacenter: node.datacenter,
      NodeName: node.name,
      NodeID: node.id,
      Revision: revision,
      Server: true,
      Version: emulatedVersion,
    },
    DebugConfig: {},
    Coord: { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1.5, Adjustment: 0, Height: 0.00001 },
    Member: memberJson(node),
    Stats: { agent: { meshwork: "true" } },
    Meta: nodeMeta,
  };
}

/** Its tags say `meshwork` where a Consul would give its commit. */
export function memberJson(node: Node): object {
  const port = String(node.port);
  return {
    Name: node.name,
    Addr: node.address,
    Port: node.port,
    Tags: {
      build: `${emulatedVersion}:${revision}`,
      dc: node.datacenter,
      id: node.id,
      port,
      role: "consul",
      segment: "",
    },
    Status: 1,
    ProtocolMin: 1,
    ProtocolMax: 5,
    ProtocolCur: 2,
    DelegateMin: 2,
    DelegateMax: 5,
    DelegateCur: 4,
  };
}

function checkJson(check: Check): Identified<"CheckID"> {
  return {
    Node: check.node,
    CheckID: check.id,
    Name: check.name,
    Status: check.status,
    Notes: check.notes,
    Output: check.output,
    ServiceID: check.serviceId,
    ServiceName: check.serviceName,
    ServiceTags: check.serviceTags,
    Type: check.type,
    Definition: check.definition ?? {},
    CreateIndex: check.createIndex,
    ModifyIndex: check.modifyIndex,
  };
}

function nodeIdentity({ id, name, address, datacenter }: CatalogNode): object {
  return { ID: id, Node: name, Address: address, Datacenter: datacenter };
}

function weightsJson({ weights }: Service): object {
  return { Passing: weights.passing, Warning: weights.warning };
}

function connectJson({ connectNative }: Service): object {
  return connectNative ? { Native: true } : {};
}

/** Left out when there are none. */
function taggedAddresses(field: string, { taggedAddresses }: Service): object {
  const entries = Object.entries(taggedAddresses);
  if (entries.length === 0) return {};
  const shown = entries.map(([tag, { address, port }]: [string, TaggedAddress]) => [
    tag,
    { Address: address, Port: port },
  ]);
  return { [field]: Object.fromEntries(shown) as object };
}
