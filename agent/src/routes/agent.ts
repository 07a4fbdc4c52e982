/** `/v1/agent`: registration, heartbeats, maintenance, and what this agent itself has registered. */
import { createHash } from "node:crypto";

import { type AgentState, json } from "../agent-state.ts";
import { checkFields, serviceFields } from "../filter/fields.ts";
import { filtered, visible } from "../http/access.ts";
import { filterParameter, lateFilterParameter } from "../http/filter-parameter.ts";
import { parseBoolean, refuseNamespace, refuseUnsupported } from "../http/query.ts";
import { empty, type Reply, RequestError } from "../http/reply.ts";
import type { Call, Handler, Route } from "../http/router.ts";
import { decodeCheckDefinition, isStatus, toCheckSpec, validateCheck } from "../json/check-definition.ts";
import { decodeBody, stringField } from "../json/decode.ts";
import { decodeRegistration } from "../json/registration.ts";
import { agentCheckJson, agentServiceJson, memberJson, selfJson } from "../json/shapes.ts";
import { UnknownServiceError } from "../state/registry.ts";
import type { Status } from "../state/service.ts";
import { localHealthRoutes } from "./local-health.ts";

export function agentRoutes(state: AgentState): Route[] {
  const { node, registry } = state;

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
    if (rest === "") throw new RequestError(400, "Missing service ID");
    const enable = enableParameter(query);
    const service = registry.service(rest);
    if (service === undefined) throw new RequestError(404, `No service registered with ID ${JSON.stringify(rest)}`);
    if (enable) registry.startMaintenance(service, query.get("reason") ?? "");
    else registry.endMaintenance(service);
    return empty();
  };

  const maintainNode = ({ query }: Call): ReturnType<typeof empty> => {
    if (enableParameter(query)) registry.startNodeMaintenance(query.get("reason") ?? "");
    else registry.endNodeMaintenance();
    return empty();
  };

  const registerCheck = ({ body, query }: Call): ReturnType<typeof empty> => {
    refuseNamespace(query);
    const draft = decodeCheckDefinition(body);
    if (draft.name === "") throw new RequestError(400, "Missing check name");
    if (draft.status !== "" && !isStatus(draft.status)) throw new RequestError(400, "Bad check status");
    validateCheck(draft);
    try {
      registry.registerCheck(draft.id === "" ? draft.name : draft.id, toCheckSpec(draft), draft.serviceId);
    } catch (error) {
      if (error instanceof UnknownServiceError) throw new RequestError(500, error.message);
      throw error;
    }
    return empty();
  };

  /** There are two pools to a Consul server: its datacenter's, and that of all datacenters, where names say which. */
  const members = (call: Call): Reply => {
    const segment = call.query.get("segment") ?? "";
    const wide = (call.query.get("wan") ?? "") !== "";
    if (segment !== "" && segment !== "_all") {
      if (wide) throw new RequestError(400, "Cannot provide a segment with wan=true");
      throw new RequestError(500, `Segment "${segment}" could not be found; network segments need Consul Enterprise`);
    }
    const member = memberJson(node);
    return json(call, visible(call)([wide ? { ...member, Name: `${node.name}.${node.datacenter}` } : member]));
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
    { path: "/v1/agent/members", methods: { GET: filtered(members) } },
    { path: "/v1/agent/maintenance", methods: { PUT: maintainNode } },
    { path: "/v1/agent/check/register", methods: { PUT: registerCheck } },
    {
      path: "/v1/agent/check/deregister/",
      methods: {
        PUT: ({ rest, query }) => {
          refuseNamespace(query);
          if (rest === "") throw new RequestError(500, "CheckID missing");
          registry.removeCheck(rest);
          return empty();
        },
      },
    },
    {
      path: "/v1/agent/services",
      methods: {
        GET: filtered((call) => {
          refuseNamespace(call.query);
          const filter = filterParameter(call.query, serviceFields);
          const services = filter(visible(call)(registry.services().map(agentServiceJson)));
          return json(call, Object.fromEntries(services.map((service) => [service.ID, service])));
        }),
      },
    },
    {
      path: "/v1/agent/checks",
      methods: {
        GET: filtered((call) => {
          refuseNamespace(call.query);
          const filter = lateFilterParameter(call.query, checkFields);
          const checks = filter(visible(call)(registry.checks().map((check) => agentCheckJson(node, check))));
          return json(call, Object.fromEntries(checks.map((check) => [check.CheckID, check])));
        }),
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
          const service = registry.service(call.rest);
          if (service === undefined) throw new RequestError(404, `unknown service ID: ${call.rest}`);
          const shape = agentServiceJson(service);
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

function enableParameter(query: URLSearchParams): boolean {
  const written = query.get("enable");
  if (written === null) throw new RequestError(400, "Missing value for enable");
  const enable = parseBoolean(written);
  if (enable === undefined) throw new RequestError(400, `Invalid value for enable: ${JSON.stringify(written)}`);
  return enable;
}

/** As long as Consul's. */
const contentHashChars = 16;
