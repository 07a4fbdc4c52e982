/** What a registry is put through to be compared with another, and what scripts have in common. */
import type { Recorder } from "../support/parity-recorder.ts";

/** Asks a registry that nobody else uses and leaves a record of every answer. Names are its own: scripts share a registry. */
export type Script = (registry: Recorder) => Promise<void>;

/** Of a watch that is expected to wake: only as long as this when it is broken. */
export const longWaitMs = 5_000;
/** Of a watch that is expected to sleep through. */
export const shortWaitMs = 250;

export const isEmpty = (json: unknown): boolean => Array.isArray(json) && json.length === 0;
export const isNotEmpty = (json: unknown): boolean => Array.isArray(json) && json.length > 0;
export const names = (text: string) => (json: unknown) => JSON.stringify(json).includes(text);

export function modifyIndex(json: unknown): number {
  return (json as { ModifyIndex: number }[])[0]!.ModifyIndex;
}

/** Makes a session and gives its ID. */
export async function newSession(registry: Recorder, body: object): Promise<string> {
  const { status, body: said, json } = await registry.askQuietly("PUT", "/v1/session/create", body);
  if (status !== 200) throw new Error(`no session for ${JSON.stringify(body)}: ${status} ${said}`);
  return (json as { ID: string }).ID;
}
