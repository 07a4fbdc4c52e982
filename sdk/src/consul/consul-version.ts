/** The version of a Consul, as its agent tells it: "1.8.7", "1.17.0+ent", "1.22.0-dev". */

export interface ConsulVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** As it was told, for people. */
  readonly text: string;
}

const VERSION = /^v?(\d+)\.(\d+)\.(\d+)(?:[-+].*)?$/;

/**
 * Undefined for a text that is none. A pre-release counts as its release: its features are there, and a Consul that runs
 * one is about to become it.
 */
export function parseVersion(text: string): ConsulVersion | undefined {
  const match = VERSION.exec(text.trim());
  if (match === null) return undefined;
  const [, major, minor, patch] = match;
  return { major: Number(major), minor: Number(minor), patch: Number(patch), text: text.trim() };
}

/** @param since "1.9.0" */
export function isAtLeast(version: ConsulVersion, since: string): boolean {
  const [major = 0, minor = 0, patch = 0] = since.split(".").map(Number);
  if (version.major !== major) return version.major > major;
  if (version.minor !== minor) return version.minor > minor;
  return version.patch >= patch;
}
