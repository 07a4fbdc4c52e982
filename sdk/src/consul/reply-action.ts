/** What a watch does about a reply, by its status: the table of what Consul's statuses mean to somebody who keeps asking. */
import type { ConsulReply } from "./consul-http.ts";

export type ReplyAction =
  /** The answer. */
  | "take"
  /** It may pass: ask again, with backoff. */
  | "retry"
  /** No leader to ask: retry, and meanwhile take what any server knows. */
  | "retry-stale"
  /** It will not pass by itself (a wrong request, a missing token): ask again at a slow pace, for somebody may mend it. */
  | "retry-slowly";

/** What 500s say while servers elect a leader or cannot reach it. */
const NO_LEADER = /leader|EOF|rpc error|refused/i;

export function actionFor({ status, text }: Pick<ConsulReply, "status" | "text">): ReplyAction {
  if (status === 200) return "take";
  if (status === 429) return "retry";
  if (status === 500 && NO_LEADER.test(text)) return "retry-stale";
  return status >= 500 ? "retry" : "retry-slowly";
}

/** Milliseconds that the reply asks to wait (RFC 9110, 10.2.3, in its form of seconds), 0 when it does not. */
export function retryAfterMs({ headers }: Pick<ConsulReply, "headers">): number {
  const text = headers["retry-after"];
  return typeof text === "string" && /^\d+$/.test(text) ? Math.min(MAX_RETRY_AFTER_MS, Number(text) * 1_000) : 0;
}

/** A minute without a look is the most that one header may cost. */
const MAX_RETRY_AFTER_MS = 60_000;
