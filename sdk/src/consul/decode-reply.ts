/** Reading a JSON answer: what does not have the promised shape did not come from a Consul we know. */
import type { z } from "zod";
import { MeshError } from "../call/mesh-error.ts";
import type { ConsulHttp } from "./consul-http.ts";

/** Fields that the schema does not name are ignored. Throws INTERNAL with the first mismatch. */
export function decodeReply<T>(http: ConsulHttp, schema: z.ZodType<T>, text: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw unreadable(http, `its answer is not JSON: ${JSON.stringify(text.slice(0, MAX_QUOTED_CHARS))}`, cause);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw unreadable(http, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "wrong shape"}`, result.error);
}

const MAX_QUOTED_CHARS = 80;

function unreadable(http: ConsulHttp, why: string, cause: unknown): MeshError {
  const reason = `consul at ${http.place} gave an answer that cannot be read (${why}): check that CONSUL_HTTP_ADDR names a Consul agent`;
  return new MeshError("INTERNAL", reason, { cause });
}
