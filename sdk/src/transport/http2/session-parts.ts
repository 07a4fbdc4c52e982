/** What the parts of one connection share. */
import type { Goaway } from "./goaway.ts";
import type { HpackEncoder } from "./hpack/hpack-encoder.ts";
import type { Http2Limits } from "./limits.ts";
import type { Output } from "./output.ts";
import type { PeerGuard } from "./peer-guard.ts";
import type { ReceiveCredit } from "./receive-credit.ts";
import type { SendScheduler } from "./send-scheduler.ts";
import type { SessionEvents } from "./session-events.ts";
import type { PeerSettings } from "./settings.ts";
import type { Streams } from "./streams.ts";

export interface SessionParts {
  readonly role: "client" | "server";
  readonly limits: Http2Limits;
  readonly events: SessionEvents;
  readonly output: Output;
  readonly encoder: HpackEncoder;
  readonly peer: PeerSettings;
  readonly sender: SendScheduler;
  readonly credit: ReceiveCredit;
  readonly guard: PeerGuard;
  readonly goaway: Goaway;
  readonly streams: Streams;
}
