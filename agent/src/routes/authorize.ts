/**
 * `/v1/agent/connect/authorize`: whether a caller may call a service of this agent, by intentions; where none is
 * about the two it may unless the agent has a token. https://developer.hashicorp.com/consul/api-docs/agent/connect#authorize
 */
import { type AgentState, json } from "../agent-state.ts";
import { type Action, defaultNamespace, describeIntention } from "../connect/intention.ts";
import { parseConnectUri } from "../connect/spiffe-id.ts";
import { refuseNamespace } from "../http/query.ts";
import { type Reply, RequestError } from "../http/reply.ts";
import type { Call, Route } from "../http/router.ts";
import { decodeBody, refusingAs, stringField } from "../json/decode.ts";
import { uncached } from "./uncached.ts";

/** @param otherwise what holds for a pair of services that no intention is about. */
export function authorizeRoutes({ intentions }: AgentState, otherwise: Action): Route[] {
  const authorize = (call: Call): Reply => {
    refuseNamespace(call.query);
    const { target, clientUri } = decodeAuthorization(call.body);
    if (target === "") throw invalid("Target service must be specified");
    const uri = parseConnectUri(clientUri);
    if (uri === undefined) throw invalid("ClientCertURI not a valid Connect identifier");
    if (uri.kind !== "service") throw invalid("ClientCertURI not a valid Service identifier");
    const decisive = intentions.decisive({ namespace: defaultNamespace, name: target }, uri.service);
    const answer =
      decisive === undefined
        ? { Authorized: otherwise === "allow", Reason: reasons[otherwise] }
        : { Authorized: decisive.action === "allow", Reason: `Matched intention: ${describeIntention(decisive)}` };
    return json(call, answer, uncached);
  };

  return [{ path: "/v1/agent/connect/authorize", methods: { POST: authorize } }];
}

/** It is the default policy of its ACLs that Consul goes by. */
const reasons: Readonly<Record<Action, string>> = {
  allow: "ACLs disabled, access is allowed by default",
  deny: "Default behavior configured by ACLs",
};

function decodeAuthorization(body: Buffer): { readonly target: string; readonly clientUri: string } {
  let target = "";
  let clientUri = "";
  const fields = {
    Target: stringField((v) => (target = v)),
    ClientCertURI: stringField((v) => (clientUri = v)),
    ClientCertSerial: stringField(() => undefined),
  };
  const type = "ConnectAuthorizeRequest";
  refusingAs(400, "Bad request: Request decode failed: ", () =>
    decodeBody(body, fields, type, { goType: `structs.${type}` }),
  );
  return { target, clientUri };
}

function invalid(why: string): RequestError {
  return new RequestError(400, `Bad request: ${why}`);
}
