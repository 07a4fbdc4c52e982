/** What a directory tells whoever measures it: how fresh its knowledge of each service is, and why asking failed. */
import type { EndpointView } from "./directory.ts";

export const DISCOVERY_FAILURES = [
  /** Nobody listens where the registry should be, or the name of its host has no address. */
  "unreachable",
  /** The connection ended before an answer was complete. */
  "broken",
  /** No complete answer came in time. */
  "timeout",
  /** The token may not ask, or the registry hides from it what it asks for. */
  "denied",
  /** Too many requests or connections. */
  "limited",
  /** The servers have no leader. */
  "leaderless",
  /** The request is wrong by the registry's opinion. */
  "refused",
  /** An error of the registry, or of what stands before it. */
  "failing",
  /** An answer that cannot be understood. */
  "unreadable",
] as const;

export type DiscoveryFailure = (typeof DISCOVERY_FAILURES)[number];

export interface DirectoryObserver {
  /** The registry has answered what it says of a service, changed or not. */
  confirmed(service: string): void;
  /** Asking failed; the view may still stand. */
  failed(service: string, kind: DiscoveryFailure): void;
  viewed(service: string, view: EndpointView): void;
  /** Nobody follows the service any more. */
  closed(service: string): void;
}
