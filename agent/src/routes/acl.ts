/**
 * `/v1/acl`: whose token this is, and what it may. There is one token at most, given to the agent when it starts, and nothing
 * to manage. https://developer.hashicorp.com/consul/api-docs/acl
 */
import { createHash } from "node:crypto";

import { indexHeaders, json } from "../agent-state.ts";
import { filtered, unknownToken } from "../http/access.ts";
import { type Reply, RequestError, text } from "../http/reply.ts";
import type { Call, Handler, Method, Route } from "../http/router.ts";
import { decodeList, objectField, stringField } from "../json/decode.ts";

export interface ManagementToken {
  readonly secret: string;
  /** A UUID: names the token where its secret must not be. */
  readonly accessorId: string;
  readonly createdAt: Date;
}

/** @param token undefined where access control is off. */
export function aclRoutes(token: ManagementToken | undefined): Route[] {
  if (token === undefined) {
    const off: Handler = () => text(401, "ACL support disabled");
    return [
      { path: "/v1/acl/", methods: everyMethod(off) },
      { path: "/v1/internal/acl/authorize", methods: { POST: off } },
    ];
  }
  const self = (call: Call): Reply => {
    if (call.sees === "nothing") return text(403, unknownToken, indexHeaders(tokensIndex));
    return json(call, tokenJson(token), indexHeaders(tokensIndex));
  };
  const unsupported: Handler = ({ rest }) => {
    const why = "the meshwork agent has one token, given to it when it starts";
    return text(501, `/v1/acl/${rest} is not supported: ${why}; run against a real Consul for more`);
  };
  return [
    { path: "/v1/acl/token/self", methods: { GET: filtered(self, indexHeaders(tokensIndex)) } },
    { path: "/v1/acl/", methods: everyMethod(unsupported) },
    { path: "/v1/internal/acl/authorize", methods: { POST: filtered(authorize) } },
  ];
}

/** Consul makes its two tokens with its 5th and 6th write; the second is for those who show none. */
const [createIndex, tokensIndex] = [5, 6];

function everyMethod(handler: Handler): Partial<Record<Method, Handler>> {
  return { GET: handler, PUT: handler, POST: handler, DELETE: handler };
}

function tokenJson({ secret, accessorId, createdAt }: ManagementToken): object {
  return {
    AccessorID: accessorId,
    SecretID: secret,
    Description: "Master Token",
    Policies: [{ ID: "00000000-0000-0000-0000-000000000001", Name: "global-management" }],
    Local: false,
    CreateTime: createdAt.toISOString(),
    Hash: createHash("sha256").update(accessorId).digest("base64"),
    CreateIndex: createIndex,
    ModifyIndex: createIndex,
  };
}

interface Question {
  resource: string;
  access: string;
  segment: string;
}

/** What Consul's own interface asks before it shows something. Who may do all is answered yes, who may do nothing no. */
function authorize(call: Call): Reply {
  const questions = decodeQuestions(call.body);
  if (questions.length > maxQuestions) {
    throw refused(`Refusing to process more than ${maxQuestions} authorizations at once`);
  }
  for (const { resource, access } of questions) {
    if (!resources.has(resource)) throw refused(`Invalid ACL resource requested: ${JSON.stringify(resource)}`);
    if (access === "read" || access === "write" || (access === "list" && resource === "key")) continue;
    throw refused(`Invalid access level for ${resource} resource: ${access}`);
  }
  const answers = questions.map(({ resource, access, segment }) => ({
    Resource: resource,
    ...(segment === "" ? {} : { Segment: segment }),
    Access: access,
    Allow: call.sees === "everything",
  }));
  return json(call, answers);
}

const maxQuestions = 64;
const resources: ReadonlySet<string> = new Set([
  "acl",
  "agent",
  "event",
  "intention",
  "key",
  "keyring",
  "node",
  "operator",
  "query",
  "service",
  "session",
]);

function decodeQuestions(body: Buffer): Question[] {
  const questions: Question[] = [];
  decodeList(
    body,
    (value, path) => {
      const question: Question = { resource: "", access: "", segment: "" };
      const fields = {
        Resource: stringField((v) => (question.resource = v)),
        Access: stringField((v) => (question.access = v)),
        Segment: stringField((v) => (question.segment = v)),
      };
      objectField(fields)(value, path);
      questions.push(question);
    },
    "[]structs.ACLAuthorizationRequest",
  );
  return questions;
}

function refused(why: string): RequestError {
  return new RequestError(400, `Bad request: ${why}`);
}
