/** How long things are held without news, checked once. */
import { z } from "zod";
import { MeshError } from "../call/mesh-error.ts";

export interface HoldTerms {
  /**
   * Milliseconds after the last renewal for which the session of a holder lives at least; Consul ends it after once to twice
   * as many. 10,000 to 86,400,000, default 10,000: for so long nobody else has what a process held that crashed.
   */
  readonly ttlMs?: number;
  /**
   * Milliseconds before the end of the TTL at which a holder that could not renew gives up by its own clock: for the drift
   * of clocks, and for its work to stop. 100 up to half of the TTL, default a fifth of it.
   */
  readonly marginMs?: number;
  /**
   * Milliseconds for which nobody gets what a session held that ended without letting go, on top of the TTL. 0 to 60,000,
   * default the TTL, up to 60,000: whoever ends a session before its time (an operator, an agent that leaves the cluster), its
   * holder knows by its own clock before another can have it. Shorter is sooner, and leaves that to the fencing token.
   */
  readonly lockDelayMs?: number;
}

export type CompleteTerms = Required<HoldTerms>;

/** Consul's own bounds. */
const MIN_TTL_MS = 10_000;
const MAX_TTL_MS = 86_400_000;
const MAX_LOCK_DELAY_MS = 60_000;
const MIN_MARGIN_MS = 100;
const MARGIN_SHARE = 1 / 5;
/** Of the time until a holder gives up: two renewals may fail. */
const RENEWALS = 3;

export const termsShape = {
  ttlMs: z.number().min(MIN_TTL_MS).max(MAX_TTL_MS).default(MIN_TTL_MS),
  marginMs: z.number().min(MIN_MARGIN_MS).optional(),
  lockDelayMs: z.number().min(0).max(MAX_LOCK_DELAY_MS).optional(),
};

/** The terms with the defaults in the gaps. Throws INVALID_ARGUMENT that names every one that is wrong. */
export function readTerms(what: string, options: HoldTerms): CompleteTerms {
  const read = readOptions(what, z.object(termsShape), options);
  const { ttlMs, marginMs = ttlMs * MARGIN_SHARE, lockDelayMs = Math.min(ttlMs, MAX_LOCK_DELAY_MS) } = read;
  if (marginMs > ttlMs / 2) {
    throw wrong(what, `marginMs: ${marginMs} is more than half of the TTL, ${ttlMs}`);
  }
  return { ttlMs, lockDelayMs, marginMs };
}

/** What a schema makes of options. Throws INVALID_ARGUMENT that names every one that is wrong. */
export function readOptions<T>(what: string, schema: z.ZodType<T>, options: unknown): T {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => `${issue.path.join(".") || "options"}: ${issue.message}`);
  throw wrong(what, faults.join("; "));
}

function wrong(what: string, faults: string): MeshError {
  return new MeshError("INVALID_ARGUMENT", `options of ${what} are wrong: ${faults}`);
}

/** Milliseconds that one renewal is good for by the holder's own clock. */
export function leaseMs({ ttlMs, marginMs }: CompleteTerms): number {
  return ttlMs - marginMs;
}

export function renewEveryMs(terms: CompleteTerms): number {
  return leaseMs(terms) / RENEWALS;
}
