/** Awaits a failure and gives it as the MeshError it must be. */
import assert from "node:assert/strict";
import { MeshError } from "@meshwork/sdk";

export async function failure(call: Promise<unknown>): Promise<MeshError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof MeshError, `not a MeshError: ${String(error)}`);
    return error;
  }
  assert.fail("the call succeeded");
}

/** Reads a stream to its end. */
export async function collect<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const message of messages) all.push(message);
  return all;
}
