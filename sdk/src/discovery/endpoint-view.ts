/** Comparing what a directory says now with what it said before, so that listeners hear of changes and nothing else. */
import type { Endpoint } from "../balancing/endpoint.ts";
import type { EndpointView } from "./directory.ts";

/** Whether two views tell a listener the same. */
export function sameView(a: EndpointView, b: EndpointView): boolean {
  return (
    a.freshness === b.freshness &&
    a.from === b.from &&
    a.error?.message === b.error?.message &&
    sameList(a.endpoints, b.endpoints)
  );
}

export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return (
    a === b ||
    (a.id === b.id &&
      a.address.host === b.address.host &&
      a.address.port === b.address.port &&
      a.weight === b.weight &&
      a.zone === b.zone &&
      a.version === b.version &&
      sameRecord(a.metadata, b.metadata))
  );
}

/** Each id once and in the order of ids: the form in which every directory publishes. Of equal ids the last stands. */
export function inOrder<Kind extends Endpoint>(endpoints: Iterable<Kind>): readonly Kind[] {
  const byId = new Map<string, Kind>();
  for (const endpoint of endpoints) byId.set(endpoint.id, endpoint);
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function sameList(a: readonly Endpoint[], b: readonly Endpoint[]): boolean {
  return (
    a === b ||
    (a.length === b.length &&
      a.every((endpoint, at) => {
        const other = b[at];
        return other !== undefined && sameEndpoint(endpoint, other);
      }))
  );
}

function sameRecord(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key] && Object.hasOwn(b, key));
}
