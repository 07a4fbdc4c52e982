/** A chain as `/v1/discovery-chain` shows it: Go leaves out what is empty, except objects. */
import { meshGatewayCodec, routeCodec, subsetCodec } from "../config-entries/entry-codecs.ts";
import { shortestFloat32 } from "../json/float32.ts";
import { formatGoDuration } from "../json/go-duration.ts";
import type { Chain, ChainNode, Target } from "./chain.ts";

export function chainJson(chain: Chain): object {
  return {
    ServiceName: chain.serviceName,
    Namespace: chain.namespace,
    Datacenter: chain.datacenter,
    ...unlessEmpty("CustomizationHash", chain.customizationHash),
    Protocol: chain.protocol,
    StartNode: chain.startNode,
    Nodes: shownMap(chain.nodes, nodeJson),
    Targets: shownMap(chain.targets, targetJson),
  };
}

function nodeJson(node: ChainNode): object {
  const { type, name } = node;
  return { Type: type, Name: name, ...contentJson(node) };
}

function contentJson(node: ChainNode): object {
  switch (node.type) {
    case "router":
      return {
        Routes: node.routes.map(({ definition, nextNode }) => ({
          Definition: routeCodec.encode(definition),
          NextNode: nextNode,
        })),
      };
    case "splitter":
      return {
        Splits: node.splits.map(({ weight, nextNode }) => ({
          ...(weight === 0 ? {} : { Weight: shortestFloat32(weight) }),
          NextNode: nextNode,
        })),
      };
    case "resolver":
      return {
        Resolver: {
          ConnectTimeout: formatGoDuration(node.connectTimeoutNs),
          ...(node.isDefault ? { Default: true } : {}),
          Target: node.target,
          ...(node.failover.length === 0 ? {} : { Failover: { Targets: node.failover } }),
        },
      };
  }
}

function targetJson(target: Target): object {
  return {
    ID: target.id,
    Service: target.service,
    ...unlessEmpty("ServiceSubset", target.serviceSubset),
    Namespace: target.namespace,
    Datacenter: target.datacenter,
    MeshGateway: meshGatewayCodec.encode(target.meshGateway),
    Subset: subsetCodec.encode(target.subset),
    ...(target.external ? { External: true } : {}),
    SNI: target.sni,
    Name: target.name,
  };
}

function unlessEmpty(field: string, value: string): object {
  return value === "" ? {} : { [field]: value };
}

/** By key, as Go writes maps. */
function shownMap<T>(values: ReadonlyMap<string, T>, shown: (value: T) => object): object {
  const sorted = [...values].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([key, value]) => [key, shown(value)])) as object;
}
