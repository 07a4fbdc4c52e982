/** `/v1/catalog`: what is registered, whatever its health. */
import { type AgentState, answerCatalogQuery } from "../agent-state.ts";
import { RequestError } from "../http/reply.ts";
import type { Route } from "../http/router.ts";
import { catalogServiceJson, nodeJson } from "../json/shapes.ts";
import { type Catalog, topics } from "../state/catalog.ts";
import type { Instance } from "../state/service.ts";

export function catalogRoutes(state: AgentState): Route[] {
  const { node, catalog } = state;
  return [
    {
      path: "/v1/catalog/services",
      methods: {
        GET: (call) =>
          answerCatalogQuery(state, call, () => ({
            index: catalog.servicesIndex,
            topic: topics.services,
            value: tagsByService(catalog),
          })),
      },
    },
    {
      path: "/v1/catalog/service/",
      methods: {
        GET: (call) => {
          const name = call.rest;
          if (name === "") throw new RequestError(400, "Missing service name");
          const tags = call.query.getAll("tag");
          return answerCatalogQuery(state, call, () => ({
            index: catalog.serviceIndex(name),
            topic: topics.instances(name),
            value: tagged(catalog.instances(name), tags).map((instance) => catalogServiceJson(node, instance)),
          }));
        },
      },
    },
    {
      path: "/v1/catalog/nodes",
      methods: {
        GET: (call) =>
          answerCatalogQuery(state, call, () => ({
            index: catalog.nodesIndex,
            topic: topics.nodes,
            value: [nodeJson(node)],
          })),
      },
    },
  ];
}

/** Those that carry every tag; tags have no case. */
export function tagged(instances: readonly Instance[], tags: readonly string[]): readonly Instance[] {
  if (tags.length === 0) return instances;
  const wanted = tags.map((tag) => tag.toLowerCase());
  return instances.filter(({ service }) => {
    const own = new Set(service.tags.map((tag) => tag.toLowerCase()));
    return wanted.every((tag) => own.has(tag));
  });
}

function tagsByService(catalog: Catalog): object {
  const byName = new Map<string, Set<string>>();
  for (const { service } of catalog.instances()) {
    const tags = byName.get(service.name) ?? new Set<string>();
    for (const tag of service.tags) tags.add(tag);
    byName.set(service.name, tags);
  }
  return Object.fromEntries([...byName].map(([name, tags]) => [name, [...tags]])) as object;
}
