/**
 * Whether a list is empty because there is nothing, or because our token may not see what there is: Consul answers both
 * with 200 and `[]` (https://developer.hashicorp.com/consul/api-docs/features/filtering#acls).
 *
 * Asked in this order: whether access control is on at all (/v1/acl/token/self says so), then what the token may
 * (/v1/internal/acl/authorize, which Consul's own interface uses; the documented way would need acl:read, which no
 * service has). Newer versions also mark answers from which something was left out, when a token was given.
 */
import { z } from "zod";
import type { Clock } from "../call/clock.ts";
import type { ConsulHttp, ConsulReply, ConsulRequest } from "./consul-http.ts";

/** "unknown": Consul does not say. */
export type Sight = "clear" | "hidden" | "unknown";

/** Access control does not go on and off by the minute: an agent has to be restarted for it. */
const OFF_FOR_MS = 60_000;
/** It only delays bad news. */
const ANSWER_WITHIN_MS = 1_000;

const Rights = z.array(z.object({ Resource: z.string(), Allow: z.boolean() }));

export class ReadRights {
  readonly #http: ConsulHttp;
  readonly #clock: Clock;
  #offUntil = Number.NEGATIVE_INFINITY;

  constructor(http: ConsulHttp, clock: Clock) {
    this.#http = http;
    this.#clock = clock;
  }

  /** @param headers of the empty answer. */
  async sight(service: string, headers: ConsulReply["headers"], signal: AbortSignal): Promise<Sight> {
    if (headers["x-consul-results-filtered-by-acls"] === "true") return "hidden";
    if (this.#clock.now() < this.#offUntil) return "clear";
    const self = await this.#ask({ method: "GET", path: "/acl/token/self", signal });
    if (self?.status === 401 && /disabled/i.test(self.text)) {
      this.#offUntil = this.#clock.now() + OFF_FOR_MS;
      return "clear";
    }
    const asked = ["service", "node"].map((Resource) => ({
      Resource,
      Access: "read",
      Segment: Resource === "service" ? service : "",
    }));
    const rights = await this.#ask({ method: "POST", path: "/internal/acl/authorize", body: asked, signal });
    if (rights?.status === 200) return sightOf(rights.text);
    const nobody = self?.status === 403 && headers["x-consul-default-acl-policy"] !== "allow";
    return nobody && rights !== undefined ? "hidden" : "unknown";
  }

  async #ask(request: ConsulRequest): Promise<ConsulReply | undefined> {
    const reply = await this.#http.exchange({ ...request, timeoutMs: ANSWER_WITHIN_MS, upkeep: "background" });
    return reply.answered ? reply : undefined;
  }
}

/** Instances are shown to those who may read their service and their node; we may have rights to some nodes only. */
function sightOf(text: string): Sight {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return "unknown";
  }
  const { data } = Rights.safeParse(json);
  const may = (resource: string): boolean | undefined => data?.find(({ Resource }) => Resource === resource)?.Allow;
  if (may("service") === false) return "hidden";
  return may("service") === true && may("node") === true ? "clear" : "unknown";
}
