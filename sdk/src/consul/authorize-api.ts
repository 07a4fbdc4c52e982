/** Whether a caller may call, by intentions (https://developer.hashicorp.com/consul/api-docs/agent/connect#authorize). */
import { z } from "zod";
import { type CallBounds, type ConsulHttp, refusal } from "./consul-http.ts";
import { decodeReply } from "./decode-reply.ts";

export interface Caller {
  /** The one URI of its certificate: "spiffe://…". */
  readonly uri: string;
  /** Of its certificate, "0b:1f". */
  readonly serialNumber: string;
}

export interface Authorization {
  readonly authorized: boolean;
  /** For people: which intention, or the default. */
  readonly reason: string;
}

const AuthorizationJson = z.object({ Authorized: z.boolean(), Reason: z.string() });

/**
 * Asks the agent, which answers from its cache in less than a millisecond and obeys a changed intention within some.
 *
 * Consul does not look at the trust domain: whoever asks must have held the caller's against that of its own roots. Where
 * the intention that matches is about single requests the answer is no. Needs service:write on the target.
 */
export async function authorize(
  http: ConsulHttp,
  target: string,
  { uri, serialNumber }: Caller,
  bounds: CallBounds = {},
): Promise<Authorization> {
  const body = { Target: target, ClientCertURI: uri, ClientCertSerial: serialNumber };
  const reply = await http.request({ ...bounds, method: "POST", path: "/agent/connect/authorize", body });
  if (reply.status !== 200) throw refusal(http, `to say whether ${uri} may call ${target}`, reply);
  const { Authorized, Reason } = decodeReply(http, AuthorizationJson, reply.text);
  return { authorized: Authorized, reason: Reason };
}
