/** What a watch does about a reply, by its status: the table of what Consul's statuses mean to somebody who keeps asking. */
import type { DiscoveryFailure } from "../discovery/directory-observer.ts";
import type { ConsulReply, NoReply } from "./consul-http.ts";

export type ReplyAction =
  /** The answer. */
  | "take"
  /** It may pass: ask again, with backoff. */
  | "retry"
  /** No leader to ask: retry, and meanwhile take what any server knows. */
  | "retry-stale"
  /** Something between us and Consul had no patience for a wait: the same as a connection that ended. */
  | "cut-off"
  /** It will not pass by itself (a wrong request, a missing token): ask again at a slow pace, for somebody may mend it. */
  | "retry-slowly";

/** What 500s say while servers elect a leader or cannot reach it. */
const NO_LEADER = /leader|EOF|rpc error|refused/i;

export function actionFor({ status, text }: Pick<ConsulReply, "status" | "text">): ReplyAction {
  if (status === 200) return "take";
  if (status === 429) return "retry";
  if (status === 408 || status === 504) return "cut-off";
  if (isLeaderless({ status, text })) return "retry-stale";
  return status >= 500 ? "retry" : "retry-slowly";
}

/** Whether there was no leader to ask; other 500s are often about what was asked. */
export function isLeaderless({ status, text }: Pick<ConsulReply, "status" | "text">): boolean {
  return status === 500 && NO_LEADER.test(text);
}

/** What kind of failure a refusal is, for those who count them. */
export function failureOf({ status, text }: Pick<ConsulReply, "status" | "text">): DiscoveryFailure {
  if (status === 401 || status === 403) return "denied";
  if (status === 429) return "limited";
  if (actionFor({ status, text }) === "retry-stale") return "leaderless";
  return status >= 500 || status === 408 ? "failing" : "refused";
}

/** What kind of failure it is that no answer came. */
export function silenceOf({ why }: Pick<NoReply, "why">): DiscoveryFailure {
  if (why === "TIMEOUT") return "timeout";
  return BROKEN.has(why) ? "broken" : "unreachable";
}

/** What sockets say when the other side has ended them. */
const BROKEN: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);

/** Milliseconds that the reply asks to wait (RFC 9110, 10.2.3, in its form of seconds), 0 when it does not. */
export function retryAfterMs({ headers }: Pick<ConsulReply, "headers">): number {
  const text = headers["retry-after"];
  return typeof text === "string" && /^\d+$/.test(text) ? Math.min(MAX_RETRY_AFTER_MS, Number(text) * 1_000) : 0;
}

/** A minute without a look is the most that one header may cost. */
const MAX_RETRY_AFTER_MS = 60_000;
