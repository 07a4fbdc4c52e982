/** `/v1/health`: instances with their checks, and checks by service, node or state. */
import { type AgentState, answerCatalogQuery, errorHeaders } from "../agent-state.ts";
import { checkFields, healthFields } from "../filter/fields.ts";
import { filtered } from "../http/access.ts";
import { nodeMetaParameter } from "../http/filter-parameter.ts";
import { parseBoolean } from "../http/query.ts";
import { type Reply, RequestError } from "../http/reply.ts";
import type { Call, Route } from "../http/router.ts";
import { catalogCheckJson, healthServiceJson, nodeJson } from "../json/shapes.ts";
import { topics } from "../state/catalog.ts";
import type { Check, Instance } from "../state/service.ts";
import { instanceFinder, nearParameter, type Which } from "./catalog.ts";

export function healthRoutes(state: AgentState): Route[] {
  const { node: own, catalog } = state;

  const healthOf = (instance: Instance): object => ({
    Node: nodeJson(instance.node),
    Service: healthServiceJson(instance),
    Checks: catalog.checksOf(instance).map(catalogCheckJson),
  });
  const passes = (instance: Instance): boolean =>
    catalog.checksOf(instance).every(({ status }) => status === "passing");

  const service =
    (which: Which) =>
    (call: Call): Promise<Reply> => {
      const name = call.rest;
      if (name === "") throw new RequestError(400, "Missing service name");
      const passingOnly = passingParameter(call.query);
      const find = instanceFinder(catalog, which, call.query);
      const wanted = nodeMetaParameter(call.query);
      const near = nearParameter(call.query, own.name);
      return answerCatalogQuery(
        state,
        call,
        (filter) => {
          const { index, found } = find(name);
          const known = found.filter(({ node }) => wanted(node.meta));
          const shown = near(passingOnly ? known.filter(passes) : known);
          return { index, topic: topics.health(name), value: filter(shown.map(healthOf)) };
        },
        healthFields,
      );
    };

  /** Checks of any kind, of nodes that carry what is wanted. */
  const checks = (call: Call, topic: string, read: () => readonly Check[]): Promise<Reply> => {
    const wanted = nodeMetaParameter(call.query);
    const found = call.query.has("node-meta")
      ? (): readonly Check[] => read().filter(({ node }) => wanted(catalog.node(node)?.meta ?? null))
      : read;
    return answerCatalogQuery(
      state,
      call,
      (filter) => ({ index: catalog.checksIndex, topic, value: filter(found().map(catalogCheckJson)) }),
      checkFields,
    );
  };

  const ofService = (call: Call): Promise<Reply> => {
    if (call.rest === "") throw new RequestError(400, "Missing service name");
    const name = call.rest.toLowerCase();
    return checks(call, topics.checks(name), () =>
      catalog.checks().filter(({ serviceName }) => serviceName.toLowerCase() === name),
    );
  };

  const ofNode = (call: Call): Promise<Reply> => {
    const name = call.rest;
    if (name === "") throw new RequestError(400, "Missing node name");
    return answerCatalogQuery(
      state,
      call,
      (filter) => ({
        index: catalog.checksIndex,
        topic: topics.nodeChecks(name),
        value: filter(catalog.checksOn(name).map(catalogCheckJson)),
      }),
      checkFields,
    );
  };

  const inState = (call: Call): Promise<Reply> => {
    const wanted = call.rest;
    if (wanted === "") throw new RequestError(400, "Missing check state");
    return checks(call, topics.state(wanted), () =>
      wanted === "any" ? catalog.checks() : catalog.checks().filter(({ status }) => status === wanted),
    );
  };

  return [
    { path: "/v1/health/service/", methods: { GET: filtered(service("all"), errorHeaders) } },
    { path: "/v1/health/connect/", methods: { GET: filtered(service("native"), errorHeaders) } },
    { path: "/v1/health/checks/", methods: { GET: filtered(ofService, errorHeaders) } },
    { path: "/v1/health/node/", methods: { GET: filtered(ofNode, errorHeaders) } },
    { path: "/v1/health/state/", methods: { GET: filtered(inState, errorHeaders) } },
  ];
}

/** `?passing` alone means yes. */
function passingParameter(query: URLSearchParams): boolean {
  const written = query.get("passing");
  if (written === null) return false;
  const value = written === "" ? true : parseBoolean(written);
  if (value === undefined) throw new RequestError(400, "Invalid value for ?passing");
  return value;
}
