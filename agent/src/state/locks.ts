/** Keys that sessions hold: how a lock is taken and given back, in the order in which Consul looks at its reasons. */
import type { Draft, KeyValue } from "./key-value.ts";
import { SessionError, type Sessions } from "./sessions.ts";
import type { Write } from "./write.ts";

export interface LockRoom {
  readonly keyValue: KeyValue;
  readonly sessions: Sessions;
}

/**
 * Sets the key and makes it the session's. `false` while another session holds it, and while its lock delay lasts.
 *
 * @throws SessionError when there is no such session.
 */
export function acquireLock(room: LockRoom, write: Write, draft: Draft, session: string): boolean {
  return !room.sessions.lockDelays.isDelayed(draft.key) && takeLock(room, write, draft, session);
}

/** {@link acquireLock} where somebody has looked at the lock delay. */
export function takeLock({ keyValue, sessions }: LockRoom, write: Write, draft: Draft, session: string): boolean {
  sessions.require(session);
  return keyValue.acquire(write, draft, session);
}

/**
 * Sets the key and makes it nobody's. `false` unless the session holds it.
 *
 * @throws SessionError when no session is named.
 */
export function releaseLock({ keyValue }: LockRoom, write: Write, draft: Draft, session: string): boolean {
  if (session === "") throw new SessionError("missing session");
  return keyValue.release(write, draft, session);
}
