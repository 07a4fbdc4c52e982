/**
 * Whether two answers have the same shape: what a client that was written for the one can rely on with the other. Consul
 * adds fields and headers from version to version and rewords its errors; it must not drop, rename or retype what was there.
 */
import type { Recorded } from "../support/parity-recorder.ts";

/** What theirs lacks of ours, or has otherwise; empty when a client of ours would not notice. */
export function shapeDifferences(ours: Recorded, theirs: Recorded): string[] {
  if (ours.status !== theirs.status) return [`status ${theirs.status}, not ${ours.status}`];
  // What the headers of errors say must not be believed in 1.8, and is not said any more.
  const told = Object.keys(ours.headers).filter((name) => ours.status < 400 || !name.startsWith("x-consul-"));
  const missing = told.filter((name) => !(name in theirs.headers));
  return [...missing.map((name) => `no header ${name}`), ...differences(ours.body, theirs.body, "body")];
}

function differences(ours: unknown, theirs: unknown, at: string): string[] {
  const [kind, other] = [kindOf(ours), kindOf(theirs)];
  // Go writes an empty list or map as null where nobody has made one, and where that is changes freely.
  if (isEmpty(ours) && isEmpty(theirs)) return [];
  if (kind !== other) return [`${at} is ${other}, not ${kind}`];
  if (Array.isArray(ours) && Array.isArray(theirs)) {
    if (ours.length !== theirs.length) return [`${at} has ${theirs.length} items, not ${ours.length}`];
    return ours.flatMap((item, index) => differences(item, theirs[index], `${at}[${index}]`));
  }
  if (typeof ours !== "object" || ours === null) return [];
  return Object.entries(ours).flatMap(([name, value]) => {
    const theirValue = (theirs as Record<string, unknown>)[name];
    if (theirValue === undefined) return isEmpty(value) ? [] : [`${at}.${name} is missing`];
    return differences(value, theirValue, `${at}.${name}`);
  });
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === "" || value === 0 || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}
