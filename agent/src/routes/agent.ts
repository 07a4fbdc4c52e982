/** `/v1/agent`: registration, heartbeats, maintenance, and what this agent itself has registered. */
import { createHash } from "node:crypto";

import { type AgentState, json } from "../agent-state.ts";
import { parseBoolean, refuseNamespace, refuseUnsupported } from "../http/query.ts";
import { empty, RequestError } from "../http/reply.ts";
import type { Call, Handler, Route } from "../http/router.ts";
import { decodeBody, stringField } from "../json/decode.ts";
import { decodeRegistration, isStatus } from "../json/registration.ts";
import { agentCheckJson, agentServiceJson, memberJson, selfJson } from "../json/shapes.ts";
import { compare } from "../state/catalog.ts";
import type { Instance, Status } from "../state/service.ts";
import { localHealthRoutes } from "./local-health.ts";

export function agentRoutes(state: AgentState): Route[] {
  const { node, catalog, registry } = state;
  const own = (): Instance[] => catalog.instances().filter(({ service }) => service.id !== catalog.ownId);

  const heartbeat =
    (status: Status): Handler =>
    ({ rest, query }) => {
      registry.heartbeat(rest, status, query.get("note") ?? "");
      return empty();
    };

  const register = ({ body, query }: Call): ReturnType<typeof empty> => {
    refuseNamespace(query);
    const { service, checks } = decodeRegistration(body);
    const replace = query.get("replace-existing-checks");
    registry.register(service, checks, replace === "" || parseBoolean(replace ?? "") === true ? "replace" : "keep");
    return empty();
  };

  const maintain = ({ rest, query }: Call): ReturnType<typeof empty> => {
    if (!query.has("enable")) throw new RequestError(400, "Missing value for enable");
    if (rest === "") throw new RequestError(400, "Missing service ID");
    const enable = parseBoolean(query.get("enable") ?? "");
    if (enable === undefined) {
      throw new RequestError(400, `Invalid value for enable: ${JSON.stringify(query.get("enable"))}`);
    }
    const instance = catalog.registered(rest);
    if (instance === undefined) throw new RequestError(404, `No service registered with ID ${JSON.stringify(rest)}`);
    if (enable) registry.startMaintenance(instance.service, query.get("reason") ?? "");
    else registry.endMaintenance(instance.service);
    return empty();
  };

  const update = ({ rest, body }: Call): ReturnType<typeof empty> => {
    let status = "";
    let output = "";
    decodeBody(body, { Status: stringField((v) => (status = v)), Output: stringField((v) => (output = v)) });
    if (!isStatus(status)) throw new RequestError(400, `Invalid check status: '${status}'`);
    registry.heartbeat(rest, status, output);
    return empty();
  };

  return [
    { path: "/v1/agent/self", methods: { GET: (call) => json(call, selfJson(node)) } },
    { path: "/v1/agent/members", methods: { GET: (call) => json(call, [memberJson(node)]) } },
    {
      path: "/v1/agent/services",
      methods: {
        GET: (call) => {
          refuseUnsupported(call.query, "filter");
          return json(call, Object.fromEntries(own().map(({ service }) => [service.id, agentServiceJson(service)])));
        },
      },
    },
    {
      path: "/v1/agent/checks",
      methods: {
        GET: (call) => {
          refuseUnsupported(call.query, "filter");
          const checks = catalog.checks().sort((a, b) => compare(a.id, b.id));
          return json(call, Object.fromEntries(checks.map((check) => [check.id, agentCheckJson(node, check)])));
        },
      },
    },
    { path: "/v1/agent/service/register", methods: { PUT: register } },
    {
      path: "/v1/agent/service/deregister/",
      methods: {
        PUT: ({ rest }) => {
          if (rest === "") throw new RequestError(500, "ServiceID missing");
          registry.deregister(rest);
          return empty();
        },
      },
    },
    { path: "/v1/agent/service/maintenance/", methods: { PUT: maintain } },
    {
      path: "/v1/agent/service/",
      methods: {
        GET: (call) => {
          refuseUnsupported(call.query, "hash");
          const instance = catalog.registered(call.rest);
          if (instance === undefined) throw new RequestError(404, `unknown service ID: ${call.rest}`);
          const shape = agentServiceJson(instance.service);
          const hash = createHash("sha256").update(JSON.stringify(shape)).digest("hex").slice(0, contentHashChars);
          return json(call, { ...shape, ContentHash: hash }, { "X-Consul-ContentHash": hash });
        },
      },
    },
    { path: "/v1/agent/check/pass/", methods: { PUT: heartbeat("passing") } },
    { path: "/v1/agent/check/warn/", methods: { PUT: heartbeat("warning") } },
    { path: "/v1/agent/check/fail/", methods: { PUT: heartbeat("critical") } },
    { path: "/v1/agent/check/update/", methods: { PUT: update } },
    ...localHealthRoutes(state),
  ];
}

/** As long as Consul's. */
const contentHashChars = 16;
