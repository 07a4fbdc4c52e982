/** What becomes of the calls of the leak test, drawn by chance. */
import type { Random } from "../../sdk/src/call/random.ts";

export const KINDS = ["unary", "serverStream", "clientStream", "bidi"] as const;
export type Kind = (typeof KINDS)[number];

/** When a call is cancelled, if it is. */
export type Moment =
  | { readonly when: "never" }
  /** In the step that opens it. */
  | { readonly when: "atOnce" }
  /** In a later turn of the event loop, wherever it is by then. */
  | { readonly when: "turns"; readonly turns: number }
  /** From within the callback that brings its headers, or its message of this number. */
  | { readonly when: "headers" }
  | { readonly when: "message"; readonly at: number }
  /** Right behind its half-close. */
  | { readonly when: "halfClosed" };

export interface Fate {
  readonly kind: Kind;
  /** What the server does: answers, fails after some messages, or says nothing for ever. */
  readonly server: "answers" | "fails" | "holds";
  readonly messages: number;
  readonly bytes: number;
  /** Milliseconds from its start; Infinity for none. */
  readonly timeoutMs: number;
  readonly cancel: Moment;
  readonly gzip: boolean;
}

const MAX_MESSAGES = 6;
/** Longer than any call needs: the deadline stays in the wheel until the call ends. */
const LONG_TIMEOUT_MS = 5_000;
/** Some pass before the call is answered. */
const MAX_SHORT_TIMEOUT_MS = 12;

export function drawFate(kind: Kind, random: Random): Fate {
  const fate = random();
  const holds = fate >= 0.9;
  const timesOut = holds ? random() < 0.5 : random() < 0.05;
  const cancel = drawMoment(random, holds && !timesOut);
  return {
    kind,
    server: holds ? "holds" : fate >= 0.75 ? "fails" : "answers",
    messages: 1 + Math.floor(random() * MAX_MESSAGES),
    bytes: drawBytes(random),
    timeoutMs: timesOut ? Math.floor(random() * MAX_SHORT_TIMEOUT_MS) : random() < 0.7 ? LONG_TIMEOUT_MS : Infinity,
    cancel,
    gzip: random() < 0.02,
  };
}

/** Most messages are small; some span frames, few span windows. */
function drawBytes(random: Random): number {
  const size = random();
  if (size < 0.97) return 1 + Math.floor(random() * 200);
  if (size < 0.998) return Math.floor(random() * 40_000);
  return Math.floor(random() * 400_000);
}

/** @param must whether nothing else ends the call. */
function drawMoment(random: Random, must: boolean): Moment {
  if (!must && random() < 0.7) return { when: "never" };
  // A held call has no headers and no messages.
  switch (Math.floor(random() * (must ? 2 : 5))) {
    case 0:
      return { when: "turns", turns: 1 + Math.floor(random() * 8) };
    case 1:
      return { when: "atOnce" };
    case 2:
      return { when: "headers" };
    case 3:
      return { when: "message", at: 1 + Math.floor(random() * MAX_MESSAGES) };
    default:
      return { when: "halfClosed" };
  }
}
