/** `/v1/connect/intentions`: who may call whom. */
import { type AgentState, errorHeaders, indexHeaders, json } from "../agent-state.ts";
import { type Action, defaultNamespace, type ServiceName } from "../connect/intention.ts";
import { intentionFields } from "../filter/fields.ts";
import { filtered, visible } from "../http/access.ts";
import { filterParameter } from "../http/filter-parameter.ts";
import { blockingParameters, consistency, refuseOtherDatacenter } from "../http/query.ts";
import { type Reply, RequestError, text } from "../http/reply.ts";
import type { Call, Route } from "../http/router.ts";
import { refusingAs } from "../json/decode.ts";
import { decodeIntention, intentionJson } from "../json/intention-body.ts";
import { blockingQuery, type Wait } from "../state/blocking-query.ts";
import { IntentionError, intentionTopics } from "../state/intentions.ts";

/** @param otherwise what holds for a pair of services that no intention is about. */
export function intentionRoutes(state: AgentState, otherwise: Action): Route[] {
  const { node, intentions } = state;

  const list = async (call: Call): Promise<Reply> => {
    const wait = waitParameters(call);
    refuseOtherDatacenter(call.query, node.datacenter, errorHeaders);
    const filter = filterParameter(call.query, intentionFields, errorHeaders);
    const { index, value } = await blockingQuery(state, wait, () => ({
      index: intentions.index,
      topic: intentionTopics.all,
      value: visible(call)(intentions.list()),
    }));
    return json(call, filter(value.map(intentionJson)), indexHeaders(index));
  };

  /** Blocks like any other query, but does not tell its index. */
  const get = async (call: Call): Promise<Reply> => {
    const wait = waitParameters(call);
    refuseOtherDatacenter(call.query, node.datacenter);
    const find = () => refusingErrors(400, "Bad request: ", () => intentions.get(call.rest));
    const id = find()?.id;
    if (id === undefined) return text(404, "Intention not found");
    const { found } = await blockingQuery(state, wait, () => {
      const found = find();
      // One that is removed ends the wait.
      return { index: intentions.index, topic: intentionTopics.one(id), found };
    });
    return found === undefined ? text(404, "Intention not found") : json(call, intentionJson(found));
  };

  const create = (call: Call): Reply => {
    const { id, draft } = refusingAs(500, "Failed to decode request body: ", () => decodeIntention(call.body));
    refuseOtherDatacenter(call.query, node.datacenter);
    if (id !== "") throw new RequestError(500, "ID must be empty when creating a new intention");
    return json(call, { ID: refusingErrors(500, "", () => intentions.create(draft)).id });
  };

  const update = (call: Call): Reply => {
    const { draft } = refusingAs(400, "Bad request: Request decode failed: ", () => decodeIntention(call.body));
    refuseOtherDatacenter(call.query, node.datacenter);
    return json(call, { ID: refusingErrors(500, "", () => intentions.update(call.rest, draft)).id });
  };

  const remove = (call: Call): Reply => {
    refuseOtherDatacenter(call.query, node.datacenter);
    refusingErrors(500, "", () => intentions.delete(call.rest));
    return json(call, true);
  };

  /** Blocks like any other query, but does not tell its index. */
  const match = async (call: Call): Promise<Reply> => {
    const wait = waitParameters(call);
    const side = onlyParameter(call.query, "by");
    if (side !== "source" && side !== "destination") {
      throw new RequestError(500, "'by' parameter must be one of 'source' or 'destination'");
    }
    const names = call.query.getAll("name");
    if (names.length === 0) throw missingParameter("name");
    const services = names.map((name): [string, ServiceName] => [name, serviceParameter("name", name)]);
    refuseOtherDatacenter(call.query, node.datacenter);
    const { matches } = await blockingQuery(state, wait, () => ({
      index: intentions.index,
      topic: intentionTopics.all,
      matches: services.map(([name, service]) => [name, orNull(intentions.match(side, service).map(intentionJson))]),
    }));
    return json(call, Object.fromEntries(matches));
  };

  const check = (call: Call): Reply => {
    waitParameters(call);
    const { query } = call;
    const from = onlyParameter(query, "source");
    const to = onlyParameter(query, "destination");
    const type = query.get("source-type") ?? "consul";
    const source = type === "consul" ? serviceParameter("source", from) : undefined;
    const destination = serviceParameter("destination", to);
    refuseOtherDatacenter(query, node.datacenter);
    if (source === undefined) throw new RequestError(500, `unsupported SourceType: ${JSON.stringify(type)}`);
    return json(call, { Allowed: (intentions.decisive(destination, source)?.action ?? otherwise) === "allow" });
  };

  return [
    { path: "/v1/connect/intentions", methods: { GET: filtered(list, errorHeaders), POST: create } },
    { path: "/v1/connect/intentions/match", methods: { GET: match } },
    { path: "/v1/connect/intentions/check", methods: { GET: check } },
    { path: "/v1/connect/intentions/", methods: { GET: get, PUT: update, DELETE: remove } },
  ];
}

function waitParameters({ query, signal }: Call): Wait {
  consistency(query);
  return { ...blockingParameters(query), signal };
}

function onlyParameter(query: URLSearchParams, name: string): string {
  const [value, ...more] = query.getAll(name);
  if (value === undefined || more.length > 0) throw missingParameter(name);
  return value;
}

function missingParameter(name: string): RequestError {
  return new RequestError(500, `required query parameter '${name}' not set`);
}

/** `name`, or `namespace/name`. */
function serviceParameter(parameter: string, written: string): ServiceName {
  const [first = "", second, ...more] = written.split("/");
  if (more.length > 0) {
    const why = "input can contain at most one '/'";
    throw new RequestError(500, `${parameter} ${JSON.stringify(written)} is invalid: ${why}`);
  }
  return second === undefined ? { namespace: defaultNamespace, name: first } : { namespace: first, name: second };
}

function refusingErrors<T>(status: number, prefix: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof IntentionError) throw new RequestError(status, `${prefix}${error.message}`);
    throw error;
  }
}

function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list;
}
