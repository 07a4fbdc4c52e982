/** `/v1/health`: instances with their checks, and checks by service or state. */
import { type AgentState, answerCatalogQuery } from "../agent-state.ts";
import { parseBoolean } from "../http/query.ts";
import { RequestError } from "../http/reply.ts";
import type { Route } from "../http/router.ts";
import { catalogCheckJson, healthServiceJson, nodeJson, serfCheck } from "../json/shapes.ts";
import { compare, topics, worst } from "../state/catalog.ts";
import type { Check } from "../state/service.ts";
import { tagged } from "./catalog.ts";

export function healthRoutes(state: AgentState): Route[] {
  const { node, catalog } = state;
  const shown = (checks: readonly Check[]): object[] => checks.map((check) => catalogCheckJson(node, check));

  const instancesOf = (name: string, tags: readonly string[], passingOnly: boolean): object[] =>
    tagged(catalog.instances(name), tags)
      .map((instance) => ({ instance, checks: [serfCheck(), ...catalog.checksOf(instance.service.id)] }))
      .filter(({ checks }) => !passingOnly || worst(checks.map(({ status }) => status)) === "passing")
      .map(({ instance, checks }) => ({
        Node: nodeJson(node),
        Service: healthServiceJson(instance),
        Checks: shown(checks),
      }));

  return [
    {
      path: "/v1/health/service/",
      methods: {
        GET: (call) => {
          const name = call.rest;
          if (name === "") throw new RequestError(400, "Missing service name");
          const passingOnly = passingParameter(call.query);
          const tags = call.query.getAll("tag");
          return answerCatalogQuery(state, call, () => ({
            index: catalog.serviceIndex(name),
            topic: topics.health(name),
            value: instancesOf(name, tags, passingOnly),
          }));
        },
      },
    },
    {
      path: "/v1/health/checks/",
      methods: {
        GET: (call) => {
          const name = call.rest;
          if (name === "") throw new RequestError(400, "Missing service name");
          const own = ({ serviceName }: Check): boolean => serviceName.toLowerCase() === name.toLowerCase();
          return answerCatalogQuery(state, call, () => ({
            index: catalog.checksIndex,
            topic: topics.checks(name),
            value: shown(catalog.checks().filter(own)),
          }));
        },
      },
    },
    {
      path: "/v1/health/state/",
      methods: {
        GET: (call) => {
          const wanted = call.rest;
          if (wanted === "") throw new RequestError(400, "Missing check state");
          const matches = ({ status }: Check): boolean => wanted === "any" || status === wanted;
          return answerCatalogQuery(state, call, () => ({
            index: catalog.checksIndex,
            topic: topics.state(wanted),
            value: shown([serfCheck(), ...catalog.checks()].filter(matches).sort((a, b) => compare(a.id, b.id))),
          }));
        },
      },
    },
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
