/** The body of `/v1/txn`, read as Consul 1.8 does. */
import { RequestError } from "../http/reply.ts";
import type { Operation } from "../state/operation.ts";
import type { CheckContent, NodeDescription, Service } from "../state/service.ts";
import { definitionField, stringMapField } from "./catalog-body.ts";
import {
  booleanField,
  decodeList,
  type FieldReader,
  type Fields,
  ignoredField,
  integerField,
  listOf,
  objectField,
  refusingAs,
  stringField,
  uint64Field,
} from "./decode.ts";
import { faultOfWeights, taggedAddressesField } from "./registration.ts";

/** @throws RequestError when the body is none. What says nothing is no operation, and is not counted. */
export function decodeOperations(body: Buffer, datacenter: string): { operations: Operation[]; written: number } {
  const operations: Operation[] = [];
  let written = 0;
  const read: FieldReader = (value, path) => {
    written += 1;
    const found: Partial<Record<Operation["kind"], Operation>> = {};
    const fields = {
      KV: present(() => keyField((v) => (found.KV = v))),
      Node: present(() => nodeField(datacenter, (v) => (found.Node = v))),
      Service: present(() => serviceField((v) => (found.Service = v))),
      Check: present(() => checkField((v) => (found.Check = v))),
    };
    objectField(fields, "TxnOp", "api.TxnOp")(value, path);
    const operation = found.KV ?? found.Node ?? found.Service ?? found.Check;
    if (operation !== undefined) operations.push(operation);
  };
  refusingAs(400, "Failed to parse body: ", () => decodeList(body, read, "api.TxnOps"));
  return { operations, written };
}

/** `null` is nothing, and what is something may be empty. */
function present(field: () => FieldReader): FieldReader {
  return (value, path) => {
    if (value !== null) field()(value, path);
  };
}

function keyField(set: (operation: Operation) => void): FieldReader {
  return (value) => {
    const read = { verb: "", key: "", flags: 0n, index: 0n, session: "" };
    let bytes: Buffer = Buffer.alloc(0);
    const fields: Fields = {
      Verb: stringField((v) => (read.verb = v), "api.KVOp"),
      Key: stringField((v) => (read.key = v)),
      Value: bytesField((v) => (bytes = v)),
      Flags: uint64Field((v) => (read.flags = v)),
      Index: uint64Field((v) => (read.index = v)),
      Session: stringField((v) => (read.session = v)),
      Namespace: ignoredField,
    };
    objectField(fields, "KVTxnOp.KV", "api.KVTxnOp")(value, "TxnOp.KV");
    const { verb, key, flags, index, session } = read;
    set({ kind: "KV", verb, draft: { key, value: bytes, flags }, index, session });
  };
}

function nodeField(datacenter: string, set: (operation: Operation) => void): FieldReader {
  return (value) => {
    let verb = "";
    let index = 0n;
    const node = { id: "", name: "", address: "", datacenter: "" };
    let taggedAddresses: NodeDescription["taggedAddresses"] = null;
    let meta: NodeDescription["meta"] = null;
    const nodeFields: Fields = {
      ID: stringField((v) => (node.id = v)),
      Node: stringField((v) => (node.name = v)),
      Address: stringField((v) => (node.address = v)),
      Datacenter: stringField((v) => (node.datacenter = v)),
      TaggedAddresses: stringMapField((v) => (taggedAddresses = v)),
      Meta: stringMapField((v) => (meta = v)),
      CreateIndex: ignoredField,
      ModifyIndex: uint64Field((v) => (index = v)),
    };
    const fields: Fields = {
      Verb: stringField((v) => (verb = v), "api.NodeOp"),
      Node: objectField(nodeFields, "Node.Node.Node", "api.Node"),
    };
    objectField(fields, "NodeTxnOp.Node", "api.NodeTxnOp")(value, "TxnOp.Node");
    if (node.datacenter === "") node.datacenter = datacenter;
    set({ kind: "Node", verb, node: { ...node, taggedAddresses, meta }, index });
  };
}

/** Of a service only this much: sidecars and tagged addresses are read past, as in Consul. */
function serviceField(set: (operation: Operation) => void): FieldReader {
  return (value) => {
    let verb = "";
    let node = "";
    let index = 0n;
    const read = { id: "", name: "", address: "", port: 0, enableTagOverride: false };
    const weights = { passing: 0, warning: 0 };
    const tags: string[] = [];
    let meta: Service["meta"] = {};
    const serviceFields: Record<string, FieldReader> = {
      ID: stringField((v) => (read.id = v)),
      Service: stringField((v) => (read.name = v)),
      Tags: listOf(
        stringField((v) => tags.push(v)),
        "[]string",
      ),
      Meta: stringMapField((v) => (meta = v)),
      Port: integerField((v) => (read.port = v)),
      Address: stringField((v) => (read.address = v)),
      TaggedAddresses: taggedAddressesField(() => undefined),
      Weights: objectField({
        Passing: integerField((v) => (weights.passing = v)),
        Warning: integerField((v) => (weights.warning = v)),
      }),
      EnableTagOverride: booleanField((v) => (read.enableTagOverride = v)),
      ModifyIndex: uint64Field((v) => (index = v)),
    };
    for (const name of ["Kind", "CreateIndex", "ContentHash", "Proxy", "Connect", "Namespace"]) {
      serviceFields[name] = ignoredField;
    }
    const fields: Fields = {
      Verb: stringField((v) => (verb = v), "api.ServiceOp"),
      Node: stringField((v) => (node = v)),
      Service: objectField(serviceFields, "AgentService.Service.Service", "api.AgentService"),
    };
    objectField(fields, "ServiceTxnOp.Service", "api.ServiceTxnOp")(value, "TxnOp.Service");
    const service: Service = {
      ...read,
      tags,
      meta,
      taggedAddresses: {},
      weights: faultOfWeights(weights) === "" ? weights : { passing: 1, warning: 1 },
      connectNative: false,
    };
    set({ kind: "Service", verb, node, service, index });
  };
}

function checkField(set: (operation: Operation) => void): FieldReader {
  return (value) => {
    let verb = "";
    let node = "";
    let index = 0n;
    const read = { id: "", name: "", status: "", notes: "", output: "", serviceId: "" };
    const definition: Record<string, unknown> = {};
    const checkFields: Fields = {
      Node: stringField((v) => (node = v)),
      CheckID: stringField((v) => (read.id = v)),
      Name: stringField((v) => (read.name = v)),
      Status: stringField((v) => (read.status = v)),
      Notes: stringField((v) => (read.notes = v)),
      Output: stringField((v) => (read.output = v)),
      ServiceID: stringField((v) => (read.serviceId = v)),
      ServiceName: stringField(() => undefined),
      ServiceTags: listOf(
        stringField(() => undefined),
        "[]string",
      ),
      Type: stringField(() => undefined),
      Namespace: ignoredField,
      Definition: definitionField(definition),
      CreateIndex: ignoredField,
      ModifyIndex: uint64Field((v) => (index = v)),
    };
    const fields: Fields = {
      Verb: stringField((v) => (verb = v), "api.CheckOp"),
      Check: objectField(checkFields, "HealthCheck.Check.Check", "api.HealthCheck"),
    };
    objectField(fields, "CheckTxnOp.Check", "api.CheckTxnOp")(value, "TxnOp.Check");
    const check: CheckContent = {
      ...read,
      status: read.status === "" ? "critical" : read.status,
      type: "",
      serviceName: "",
      serviceTags: [],
      definition: Object.fromEntries(Object.entries(definition).filter(([name]) => keptOfDefinition.has(name))),
    };
    set({ kind: "Check", verb, node, check, index });
  };
}

/** A transaction keeps this much of how somebody else does a check. */
const keptOfDefinition: ReadonlySet<string> = new Set([
  "HTTP",
  "TLSSkipVerify",
  "Header",
  "Method",
  "Body",
  "TCP",
  "Interval",
  "Timeout",
  "DeregisterCriticalServiceAfter",
]);

function bytesField(set: (value: Buffer) => void): FieldReader {
  return (value, path) => {
    const read = stringField((written) => {
      const fault = faultOfBase64(written);
      if (fault !== undefined)
        throw new RequestError(400, `Failed to parse body: illegal base64 data at input byte ${fault}`);
      set(Buffer.from(written, "base64"));
    }, "[]uint8");
    read(value, path);
  };
}

/** Where Go's decoder stops; it wants every byte of padding. */
function faultOfBase64(written: string): number | undefined {
  const text = written.replaceAll(/[\r\n]/g, "");
  const groups = /^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?/.exec(text);
  const validChars = groups?.[0].length ?? 0;
  if (validChars === text.length) return undefined;
  const odd = /[^A-Za-z\d+/=]/.exec(text.slice(validChars, validChars + base64Group));
  return validChars + (odd?.index ?? 0);
}

const base64Group = 4;
