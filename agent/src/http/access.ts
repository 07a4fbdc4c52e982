/**
 * Who may do what once the agent has a token: whoever holds it everything, all others what a route says of them, and a route
 * that says nothing is closed to them. So does a Consul with `default_policy = "deny"` whose only token is a management
 * token; see https://developer.hashicorp.com/consul/docs/security/acl.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

import { type Filter, keepAll, keepNone } from "./filter-parameter.ts";
import { RequestError } from "./reply.ts";
import type { Call, Endpoint, Handler } from "./router.ts";

/** A stranger shows a token that is none of ours, which is worse than showing none. */
export type Caller = "holder" | "anonymous" | "stranger";

export type Identify = (headers: IncomingHttpHeaders, query: URLSearchParams) => Caller;

/** Where there is no token, everybody may do everything. */
export const everybodyHolds: Identify = () => "holder";

/** @param token that opens everything. */
export function holdersOf(token: string): Identify {
  const own = digest(token);
  return (headers, query) => {
    const shown = shownToken(headers, query);
    if (shown === "" || shown === anonymousToken) return "anonymous";
    // Digests are of one length, and how long comparing them takes tells nothing of where they differ.
    return timingSafeEqual(digest(shown), own) ? "holder" : "stranger";
  };
}

/** What Consul calls the token of those who show none. */
export const anonymousToken = "anonymous";

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Consul looks in this order, and takes the first that is not empty. */
function shownToken(headers: IncomingHttpHeaders, query: URLSearchParams): string {
  return query.get("token") || String(headers["x-consul-token"] ?? "").trim() || bearer(headers.authorization ?? "");
}

/** The scheme has no case, and what follows the token counts for nothing. */
function bearer(header: string): string {
  return /^bearer +(\S+)/i.exec(header)?.[1] ?? "";
}

/** Answers everybody, strangers too: what is no secret. */
export function open(handle: Handler): Endpoint {
  return { handle, answers: "everybody", refusalHeaders: {} };
}

/** Answers those without a token too. The handler puts all that it shows through {@link visible}. */
export function filtered(handle: Handler, refusalHeaders: Endpoint["refusalHeaders"] = {}): Endpoint {
  return { handle, answers: "the anonymous too", refusalHeaders };
}

/** Answers only who holds the token, as a bare handler does; for where Consul refuses with headers of its own. */
export function closed(handle: Handler, refusalHeaders: Endpoint["refusalHeaders"]): Endpoint {
  return { handle, answers: "holders", refusalHeaders };
}

/** What of a list its caller may see. */
export function visible({ sees }: Pick<Call, "sees">): Filter {
  return sees === "everything" ? keepAll : keepNone;
}

/** For handlers of {@link filtered} endpoints, where they come to what is no list. */
export function refuseUnseen({ sees }: Call): void {
  if (sees === "nothing") throw new RequestError(403, permissionDenied);
}

export const permissionDenied = "Permission denied";
export const unknownToken = "ACL not found";
