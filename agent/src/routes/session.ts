/** `/v1/session`: what locks belong to. */
import { type AgentState, errorHeaders, indexHeaders, json } from "../agent-state.ts";
import { filtered, visible } from "../http/access.ts";
import { blockingParameters, consistency, refuseNamespace, refuseOtherDatacenter } from "../http/query.ts";
import { type Reply, RequestError, text } from "../http/reply.ts";
import type { Call, Route } from "../http/router.ts";
import { decodeSession, sessionJson } from "../json/session-body.ts";
import { blockingQuery } from "../state/blocking-query.ts";
import { type Session, SessionError, sessionTopics } from "../state/sessions.ts";

export function sessionRoutes(state: AgentState): Route[] {
  const { node, sessions } = state;

  const create = ({ query, body }: Call): object => {
    refuseNamespace(query);
    const draft = decodeSession(body, node.name);
    refuseOtherDatacenter(query, node.datacenter);
    return { ID: sessions.create(draft).id };
  };

  const destroy = (call: Call): Reply => {
    refuseNamespace(call.query);
    const id = idOf(call);
    refuseOtherDatacenter(call.query, node.datacenter);
    sessions.destroy(id);
    return json(call, true);
  };

  const renew = (call: Call): Reply => {
    consistency(call.query);
    blockingParameters(call.query);
    refuseNamespace(call.query);
    const id = idOf(call);
    refuseOtherDatacenter(call.query, node.datacenter);
    const renewed = sessions.renew(id);
    if (renewed === undefined) return text(404, `Session id '${id}' not found`);
    return json(call, [sessionJson(renewed)]);
  };

  const list = async (call: Call, topic: string, read: () => readonly Session[]): Promise<Reply> => {
    const { query, signal } = call;
    const wait = { ...blockingParameters(query), signal };
    refuseOtherDatacenter(query, node.datacenter, errorHeaders);
    const { index, found } = await blockingQuery(state, wait, () => {
      const found = visible(call)(read());
      // Of what is not there, anything new may be the news.
      return { index: sessions.index, topic: found.length === 0 ? sessionTopics.all : topic, found };
    });
    return json(call, found.map(sessionJson), indexHeaders(index));
  };

  const checked = (call: Call): void => {
    consistency(call.query);
    blockingParameters(call.query);
    refuseNamespace(call.query);
  };

  const info = (call: Call): Promise<Reply> => {
    checked(call);
    const id = idOf(call);
    return list(call, sessionTopics.one(id.toLowerCase()), () => found(() => sessions.get(id)));
  };

  const ofNode = (call: Call): Promise<Reply> => {
    checked(call);
    if (call.rest === "") throw new RequestError(400, "Missing node name");
    return list(call, sessionTopics.node(call.rest), () => sessions.onNode(call.rest));
  };

  const all = (call: Call): Promise<Reply> => {
    checked(call);
    return list(call, sessionTopics.all, () => sessions.list());
  };

  return [
    { path: "/v1/session/create", methods: { PUT: (call) => json(call, create(call)) } },
    { path: "/v1/session/destroy/", methods: { PUT: destroy } },
    { path: "/v1/session/renew/", methods: { PUT: renew } },
    { path: "/v1/session/info/", methods: { GET: filtered(info, errorHeaders) } },
    { path: "/v1/session/node/", methods: { GET: filtered(ofNode, errorHeaders) } },
    { path: "/v1/session/list", methods: { GET: filtered(all, errorHeaders) } },
  ];
}

function idOf({ rest }: Call): string {
  if (rest === "") throw new RequestError(400, "Missing session");
  return rest;
}

function found(get: () => Session | undefined): readonly Session[] {
  try {
    const session = get();
    return session === undefined ? [] : [session];
  } catch (error) {
    if (error instanceof SessionError) throw new RequestError(500, error.message, errorHeaders);
    throw error;
  }
}
