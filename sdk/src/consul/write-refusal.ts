/** What Consul means by refusing a write: it answers 500 to content that breaks its rules as it does to a lost leader. */
import { MeshError } from "../call/mesh-error.ts";
import { type ConsulHttp, type ConsulReply, refusal } from "./consul-http.ts";
import { isLeaderless } from "./reply-action.ts";

/** refusal(), with INVALID_ARGUMENT for what Consul will never take. */
export function writeRefusal(http: ConsulHttp, what: string, reply: ConsulReply): MeshError {
  const error = refusal(http, what, reply);
  return reply.status === 500 && !isLeaderless(reply) ? new MeshError("INVALID_ARGUMENT", error.reason) : error;
}
