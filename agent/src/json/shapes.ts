/**
 * The JSON of answers, field by field as Consul 1.8 writes it, with its differences between endpoints: the catalog shows
 * an absent Meta as `null` in one place and `{}` in another, agents know no indexes.
 */
import type { Node } from "../node.ts";
import { emulatedVersion, revision } from "../node.ts";
import { firstIndex } from "../state/journal.ts";
import type { Entry } from "../state/key-value.ts";
import type { Check, Instance, Service, TaggedAddress } from "../state/service.ts";

const noProxy = { MeshGateway: {}, Expose: {} } as const;
const nodeMeta = { "consul-network-segment": "" } as const;

export function nodeJson(node: Node): object {
  return {
    ...nodeIdentity(node),
    TaggedAddresses: nodeAddresses(node),
    Meta: nodeMeta,
    CreateIndex: firstIndex,
    ModifyIndex: firstIndex,
  };
}

/** A service as `/v1/agent/services` shows it. */
export function agentServiceJson(service: Service): object {
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
export function healthServiceJson({ service, createIndex, modifyIndex }: Instance): object {
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
export function catalogServiceJson(node: Node, { service, createIndex, modifyIndex }: Instance): object {
  return {
    ...nodeIdentity(node),
    TaggedAddresses: nodeAddresses(node),
    NodeMeta: nodeMeta,
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
export function agentCheckJson(node: Node, check: Check): object {
  return checkJson(node, { ...check, createIndex: 0, modifyIndex: 0 }, check.output);
}

/** A check as the catalog knows it. */
export function catalogCheckJson(node: Node, check: Check): object {
  return checkJson(node, check, check.publishedOutput);
}

/** A check as `/v1/agent/health/service` shows it. */
export function localHealthCheckJson(node: Node, check: Check): object {
  const unused = { HTTP: "", Header: null, Method: "", Body: "", TLSSkipVerify: false, TCP: "" };
  const definition = { Interval: "0s", Timeout: "0s", DeregisterCriticalServiceAfter: "0s", ...unused };
  const { CreateIndex: _created, ModifyIndex: _modified, ...shown } = checkJson(node, check, check.output);
  const tags = check.serviceTags.length === 0 ? null : check.serviceTags;
  return { ...shown, ServiceTags: tags, Type: "", Definition: definition, CreateIndex: 0, ModifyIndex: 0 };
}

/** The check that Consul's gossip keeps on every node; here there is nobody to gossip with. */
export function serfCheck(): Check {
  return {
    id: "serfHealth",
    name: "Serf Health Status",
    notes: "",
    type: "",
    serviceId: "",
    serviceName: "",
    serviceTags: [],
    status: "passing",
    output: "Agent alive and reachable",
    publishedOutput: "Agent alive and reachable",
    createIndex: firstIndex,
    modifyIndex: firstIndex,
  };
}

/** Flags are 64 bits, more than a JSON number of ours can hold: they are written by hand. */
export function entriesJson(entries: readonly Entry[], indent: number): string {
  const shapes = entries.map((entry) => ({
    LockIndex: 0,
    Key: entry.key,
    Flags: String(entry.flags),
    Value: entry.value.length === 0 ? null : entry.value.toString("base64"),
    CreateIndex: entry.createIndex,
    ModifyIndex: entry.modifyIndex,
  }));
  return JSON.stringify(shapes, undefined, indent).replace(/"Flags":( ?)"(\d+)"/g, '"Flags":$1$2');
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

function checkJson(node: Node, check: Check, output: string): Record<string, unknown> {
  return {
    Node: node.name,
    CheckID: check.id,
    Name: check.name,
    Status: check.status,
    Notes: check.notes,
    Output: output,
    ServiceID: check.serviceId,
    ServiceName: check.serviceName,
    ServiceTags: check.serviceTags,
    Type: check.type,
    Definition: {},
    CreateIndex: check.createIndex,
    ModifyIndex: check.modifyIndex,
  };
}

function nodeIdentity({ id, name, address, datacenter }: Node): object {
  return { ID: id, Node: name, Address: address, Datacenter: datacenter };
}

function nodeAddresses({ address }: Node): object {
  const family = address.includes(":") ? "ipv6" : "ipv4";
  return { lan: address, [`lan_${family}`]: address, wan: address, [`wan_${family}`]: address };
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
