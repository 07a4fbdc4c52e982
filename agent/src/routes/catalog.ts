/** `/v1/catalog`: what is registered, whatever its health, and registering what no agent looks after. */
import { type AgentState, answerCatalogQuery, errorHeaders, json } from "../agent-state.ts";
import { catalogServiceFields, nodeFields, serviceFields } from "../filter/fields.ts";
import { filtered, visible } from "../http/access.ts";
import { nodeMetaParameter } from "../http/filter-parameter.ts";
import { refuseNamespace } from "../http/query.ts";
import { type Reply, RequestError } from "../http/reply.ts";
import type { Call, Route } from "../http/router.ts";
import { decodeCatalogRegistration, decodeDeregistration } from "../json/catalog-body.ts";
import { catalogServiceJson, healthServiceJson, nodeJson } from "../json/shapes.ts";
import { type Catalog, CatalogError, compare, topics } from "../state/catalog.ts";
import type { CatalogNode, Instance } from "../state/service.ts";

/** Where there is nothing to have an index, Consul shows the smallest. */
const noIndex = 1;

export function catalogRoutes(state: AgentState): Route[] {
  const { node: own, catalog } = state;

  const services = (call: Call): Promise<Reply> => {
    const wanted = nodeMetaParameter(call.query);
    const withNodes = call.query.has("node-meta");
    return answerCatalogQuery(state, call, (filter) => ({
      index: withNodes ? Math.max(catalog.servicesIndex, catalog.nodesIndex) : catalog.servicesIndex,
      topic: topics.services,
      value: tagsByService(filter(catalog.instances().filter(({ node }) => wanted(node.meta)))),
    }));
  };

  const service =
    (which: Which) =>
    (call: Call): Promise<Reply> => {
      const name = call.rest;
      if (name === "") throw new RequestError(400, "Missing service name");
      const find = instanceFinder(catalog, which, call.query);
      const wanted = nodeMetaParameter(call.query);
      const near = nearParameter(call.query, own.name);
      return answerCatalogQuery(
        state,
        call,
        (filter) => {
          const { index, found } = find(name);
          const shown = near(found.filter(({ node }) => wanted(node.meta)));
          return { index, topic: topics.instances(name), value: filter(shown.map(catalogServiceJson)) };
        },
        catalogServiceFields,
      );
    };

  const nodes = (call: Call): Promise<Reply> => {
    const wanted = nodeMetaParameter(call.query);
    return answerCatalogQuery(
      state,
      call,
      (filter) => ({
        index: catalog.nodesIndex,
        topic: topics.nodes,
        value: filter(
          catalog
            .nodes()
            .filter(({ meta }) => wanted(meta))
            .map(nodeJson),
        ),
      }),
      nodeFields,
    );
  };

  /** Two answers to one question: as a map by ID, which is `null` for a missing node, and as a list, which is not. */
  const onNode =
    (shape: "map" | "list") =>
    (call: Call): Promise<Reply> => {
      if (call.rest === "") throw new RequestError(400, "Missing node name");
      return answerCatalogQuery(
        state,
        call,
        (filter) => {
          const node = findNode(catalog.nodes(), call.rest);
          const topic = topics.node(node?.name ?? call.rest);
          if (node === undefined) return { index: noIndex, topic, value: shape === "map" ? null : missing };
          const index = Math.max(catalog.nodesIndex, catalog.servicesIndex);
          if (visible(call)([node]).length === 0) return { index, topic, value: shape === "map" ? null : missing };
          const shown = filter(catalog.instancesOn(node.name).map(healthServiceJson));
          const list = shown.length === 0 && !call.query.has("filter") ? null : shown;
          const Services = shape === "list" ? list : Object.fromEntries(shown.map((item) => [item.ID, item]));
          return { index, topic, value: { Node: nodeJson(node), Services } };
        },
        serviceFields,
      );
    };

  const register = (call: Call): Reply => {
    refuseNamespace(call.query);
    const registration = decodeCatalogRegistration(call.body, own.datacenter);
    try {
      catalog.register(registration);
    } catch (error) {
      if (error instanceof CatalogError) throw new RequestError(500, error.message);
      throw error;
    }
    return json(call, true);
  };

  const deregister = (call: Call): Reply => {
    refuseNamespace(call.query);
    const { node, serviceId, checkId } = decodeDeregistration(call.body, own.datacenter);
    if (serviceId !== "") catalog.deregister(node, serviceId);
    else if (checkId !== "") catalog.removeCheck(node, checkId);
    else catalog.deregisterNode(node);
    return json(call, true);
  };

  return [
    { path: "/v1/catalog/services", methods: { GET: filtered(services, errorHeaders) } },
    { path: "/v1/catalog/service/", methods: { GET: filtered(service("all"), errorHeaders) } },
    { path: "/v1/catalog/connect/", methods: { GET: filtered(service("native"), errorHeaders) } },
    { path: "/v1/catalog/nodes", methods: { GET: filtered(nodes, errorHeaders) } },
    { path: "/v1/catalog/node/", methods: { GET: filtered(onNode("map"), errorHeaders) } },
    { path: "/v1/catalog/node-services/", methods: { GET: filtered(onNode("list"), errorHeaders) } },
    { path: "/v1/catalog/register", methods: { PUT: register } },
    { path: "/v1/catalog/deregister", methods: { PUT: deregister } },
  ];
}

const missing = { Node: null, Services: null } as const;

/** Which instances of a service a query is about; "native": those that speak the mesh's TLS themselves. */
export type Which = "all" | "native";

/** Finds the instances that a query is about, and its index. Consul does not look at the tags of native ones. */
export function instanceFinder(
  catalog: Catalog,
  which: Which,
  query: URLSearchParams,
): (name: string) => { readonly index: number; readonly found: readonly Instance[] } {
  if (which === "native") {
    return (name) => ({ index: catalog.nativeIndex(name), found: catalog.nativeInstances(name) });
  }
  const tags = query.getAll("tag");
  return (name) => ({ index: catalog.serviceIndex(name), found: tagged(catalog.instances(name), tags) });
}

/** Those that carry every tag; tags have no case. */
function tagged(instances: readonly Instance[], tags: readonly string[]): readonly Instance[] {
  if (tags.length === 0) return instances;
  const wanted = tags.map((tag) => tag.toLowerCase());
  return instances.filter(({ service }) => {
    const own = new Set(service.tags.map((tag) => tag.toLowerCase()));
    return wanted.every((tag) => own.has(tag));
  });
}

/**
 * `?near=`: the own node first, when it is the one that is named. Other distances would need the coordinates of a gossip
 * pool; Consul, too, leaves the order alone where it has none, as of nodes that are no agents.
 */
export function nearParameter(query: URLSearchParams, own: string): (instances: readonly Instance[]) => Instance[] {
  const near = query.get("near") ?? "";
  const isNear = near === "_agent" || near.toLowerCase() === own.toLowerCase();
  const distance = ({ node }: Instance): number => (node.name.toLowerCase() === own.toLowerCase() ? 0 : 1);
  return (instances) => (isNear ? [...instances].sort((a, b) => distance(a) - distance(b)) : [...instances]);
}

/** By name, else by the beginning of an ID, if only one begins so. */
function findNode(nodes: readonly CatalogNode[], nameOrId: string): CatalogNode | undefined {
  const name = nameOrId.toLowerCase();
  const named = nodes.find((node) => node.name.toLowerCase() === name);
  if (named !== undefined || nameOrId.length < minIdPrefixChars) return named;
  const prefix = name.slice(0, name.length - (name.length % 2)).replaceAll("-", "");
  const matching = nodes.filter(({ id }) => id !== "" && id.replaceAll("-", "").startsWith(prefix));
  return matching.length === 1 ? matching[0] : undefined;
}

const minIdPrefixChars = 2;

function tagsByService(instances: readonly Instance[]): object {
  const byName = new Map<string, Set<string>>();
  for (const { service } of instances) {
    const tags = byName.get(service.name) ?? new Set<string>();
    for (const tag of service.tags) tags.add(tag);
    byName.set(service.name, tags);
  }
  const sorted = [...byName].sort(([a], [b]) => compare(a, b));
  return Object.fromEntries(sorted.map(([name, tags]) => [name, [...tags]])) as object;
}
