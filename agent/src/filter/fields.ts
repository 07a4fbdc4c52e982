/**
 * What can be selected, by kind of record, as Consul 1.8 allows:
 * https://developer.hashicorp.com/consul/api-docs/features/filtering. Records are the JSON that is answered; a field
 * that is missing or null there stands for Go's zero value.
 */

export type Field =
  | { readonly kind: "string" | "integer" | "boolean" | "strings" }
  | { readonly kind: "map"; readonly values: Field }
  | { readonly kind: "struct" | "structs"; readonly fields: Fields };

export type Fields = ReadonlyMap<string, Field>;

const string: Field = { kind: "string" };
const integer: Field = { kind: "integer" };
const boolean: Field = { kind: "boolean" };
const strings: Field = { kind: "strings" };
const mapOf = (values: Field): Field => ({ kind: "map", values });
const struct = (fields: Fields): Field => ({ kind: "struct", fields });
const structs = (fields: Fields): Field => ({ kind: "structs", fields });
const named = (fields: Readonly<Record<string, Field>>): Fields => new Map(Object.entries(fields));

const serviceAddress = named({ Address: string, Port: integer });
const weights = named({ Passing: integer, Warning: integer });
const connect = named({ Native: boolean });
const meshGateway = named({ Mode: string });

const proxy = named({
  DestinationServiceName: string,
  DestinationServiceID: string,
  LocalServiceAddress: string,
  LocalServicePort: integer,
  Upstreams: structs(
    named({
      DestinationType: string,
      DestinationNamespace: string,
      DestinationName: string,
      Datacenter: string,
      LocalBindAddress: string,
      LocalBindPort: integer,
      MeshGateway: struct(meshGateway),
    }),
  ),
  MeshGateway: struct(meshGateway),
  Expose: struct(
    named({
      Checks: boolean,
      Paths: structs(
        named({
          ListenerPort: integer,
          Path: string,
          LocalPathPort: integer,
          Protocol: string,
          ParsedFromCheck: boolean,
        }),
      ),
    }),
  ),
});

export const nodeFields = named({
  ID: string,
  Node: string,
  Address: string,
  Datacenter: string,
  TaggedAddresses: mapOf(string),
  Meta: mapOf(string),
});

/** A service of a node, and a service of the agent. */
export const serviceFields = named({
  Kind: string,
  ID: string,
  Service: string,
  Tags: strings,
  Address: string,
  TaggedAddresses: mapOf(struct(serviceAddress)),
  Meta: mapOf(string),
  Port: integer,
  Weights: struct(weights),
  EnableTagOverride: boolean,
  Proxy: struct(proxy),
  Connect: struct(connect),
});

/** A service with its node, as `/v1/catalog/service` shows it. */
export const catalogServiceFields = named({
  ID: string,
  Node: string,
  Address: string,
  Datacenter: string,
  TaggedAddresses: mapOf(string),
  NodeMeta: mapOf(string),
  ServiceKind: string,
  ServiceID: string,
  ServiceName: string,
  ServiceTags: strings,
  ServiceAddress: string,
  ServiceTaggedAddresses: mapOf(struct(serviceAddress)),
  ServiceWeights: struct(weights),
  ServiceMeta: mapOf(string),
  ServicePort: integer,
  ServiceEnableTagOverride: boolean,
  ServiceProxy: struct(proxy),
  ServiceConnect: struct(connect),
});

export const checkFields = named({
  Node: string,
  CheckID: string,
  Name: string,
  Status: string,
  Notes: string,
  Output: string,
  ServiceID: string,
  ServiceName: string,
  ServiceTags: strings,
  Type: string,
});

/** A service with its node and checks, as `/v1/health/service` shows it. */
export const healthFields = named({
  Node: struct(nodeFields),
  Service: struct(serviceFields),
  Checks: structs(checkFields),
});

/** An intention, as `/v1/connect/intentions` shows it. */
export const intentionFields = named({
  ID: string,
  Description: string,
  SourceNS: string,
  SourceName: string,
  DestinationNS: string,
  DestinationName: string,
  SourceType: string,
  Action: string,
  DefaultAddr: string,
  DefaultPort: integer,
  Meta: mapOf(string),
  Precedence: integer,
});
