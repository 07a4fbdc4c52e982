/**
 * How a watch finds out that it is worth asking again. A watch alone waits at the server, on a connection of its own; of
 * many watches only some can, because an agent takes 200 connections from one address and closes what comes beyond
 * (https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/general#http_max_conns_per_client).
 */

/** "wait": at the server, until it has news. "look": now, for an answer that comes at once. */
export type Turn = "wait" | "look";

/** The place that one watch has among others. */
export interface QuerySeat {
  /** When to ask next, and how; may stay pending for as long as nothing is known to have changed. */
  turn(): Turn | Promise<Turn>;
  /** Runs a look, perhaps after others'. */
  look<T>(ask: () => Promise<T>): Promise<T>;
  /** An answer brought news. */
  changed(): void;
  /** The agent takes no more connections or requests. True: there is another way, so try again at once. */
  crowded(): boolean;
}

/** The seat of a watch that shares nothing. */
export function ownSeat(): QuerySeat {
  return { turn: () => "wait", look: (ask) => ask(), changed: () => {}, crowded: () => false };
}
