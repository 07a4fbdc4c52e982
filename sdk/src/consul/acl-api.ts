/** Who our ACL token makes us (https://developer.hashicorp.com/consul/api-docs/acl/tokens#read-self-token). */
import { z } from "zod";
import { type CallBounds, type ConsulHttp, refusal } from "./consul-http.ts";
import { decodeReply } from "./decode-reply.ts";

export interface AclToken {
  /** Names the token in logs; unlike the secret it lets nobody in. */
  readonly accessorId: string;
  readonly description: string;
  readonly policies: readonly string[];
  readonly roles: readonly string[];
  /** Services whose permissions it has. */
  readonly serviceIdentities: readonly string[];
  /** Milliseconds since 1970; absent: never. */
  readonly expiresAt?: number;
}

const Named = z.array(z.object({ Name: z.string() })).nullish();

const TokenJson = z.object({
  AccessorID: z.string(),
  Description: z.string().nullish(),
  Policies: Named,
  Roles: Named,
  ServiceIdentities: z.array(z.object({ ServiceName: z.string() })).nullish(),
  ExpirationTime: z.iso.datetime({ offset: true }).nullish(),
});

/** Where access control is off. */
const OFF = /ACL support disabled/i;

/**
 * Undefined where access control is off. Needs no permission: rejects with PERMISSION_DENIED without a token, and for one
 * that Consul does not know.
 */
export async function aclTokenSelf(http: ConsulHttp, bounds: CallBounds = {}): Promise<AclToken | undefined> {
  const reply = await http.request({ ...bounds, method: "GET", path: "/acl/token/self" });
  if (reply.status === 401 && OFF.test(reply.text)) return undefined;
  if (reply.status !== 200) throw refusal(http, "to say whose token this is", reply);
  const json = decodeReply(http, TokenJson, reply.text);
  return {
    accessorId: json.AccessorID,
    description: json.Description ?? "",
    policies: (json.Policies ?? []).map(({ Name }) => Name),
    roles: (json.Roles ?? []).map(({ Name }) => Name),
    serviceIdentities: (json.ServiceIdentities ?? []).map(({ ServiceName }) => ServiceName),
    ...(json.ExpirationTime ? { expiresAt: Date.parse(json.ExpirationTime) } : {}),
  };
}
