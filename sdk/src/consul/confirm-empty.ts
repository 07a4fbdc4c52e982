/**
 * A second opinion on an answer that says nobody serves a service: read again from the leader, which must prove for it that
 * it still leads, and with a look at whether our token would be shown anybody.
 */
import type { Endpoint } from "../balancing/endpoint.ts";
import { MeshError } from "../call/mesh-error.ts";
import { type HealthAnswer, healthPath, PASSING, readHealth } from "./catalog-api.ts";
import type { ConsulHttp, ConsulReply } from "./consul-http.ts";
import type { ReadRights } from "./read-rights.ts";

export type Emptiness =
  /** Nobody is registered, and we would see it. */
  | { readonly kind: "gone" }
  /** Instances are registered, but none passes its checks. */
  | { readonly kind: "failing" }
  /** Somebody passes after all. */
  | { readonly kind: "back"; readonly endpoints: readonly Endpoint[] }
  /** Our token is not shown who serves it. */
  | { readonly kind: "hidden" }
  /** Nobody is registered as far as we see, and Consul does not say how far that is. */
  | { readonly kind: "unsure" }
  | { readonly kind: "unanswered" };

export interface Question {
  readonly http: ConsulHttp;
  readonly name: string;
  readonly rights: ReadRights;
  readonly signal: AbortSignal;
}

export async function confirmEmpty({ http, name, rights, signal }: Question): Promise<Emptiness> {
  const ask = async (query: Readonly<Record<string, string>>): Promise<ConsulReply | undefined> => {
    const path = healthPath(name);
    const all = { consistent: "", ...query };
    const reply = await http.exchange({ method: "GET", path, query: all, signal, upkeep: "background" });
    return reply.answered && reply.status === 200 ? reply : undefined;
  };
  const passing = await ask(PASSING);
  const well = read(http, passing);
  if (well === undefined || passing === undefined) return { kind: "unanswered" };
  if (well.endpoints.length > 0) return { kind: "back", endpoints: well.endpoints };
  const all = read(http, await ask({}));
  if (all === undefined) return { kind: "unanswered" };
  if (all.registered > 0) return { kind: "failing" };
  switch (await rights.sight(name, passing.headers, signal)) {
    case "clear":
      return { kind: "gone" };
    case "hidden":
      return { kind: "hidden" };
    case "unknown":
      return { kind: "unsure" };
  }
}

function read(http: ConsulHttp, reply: ConsulReply | undefined): HealthAnswer | undefined {
  if (reply === undefined) return undefined;
  try {
    return readHealth(http, reply.text);
  } catch (error) {
    if (error instanceof MeshError) return undefined;
    throw error;
  }
}
