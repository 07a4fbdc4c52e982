/** Bodies that Consul reads loosely: any JSON at first, with Go's words for what is none. */
import { RequestError } from "../http/reply.ts";
import { isObject, type Json, type JsonObject, kindOf } from "./loose-codec.ts";

/** Consul answers 400 to everything that cannot be read. */
export function undecodable(why: string): RequestError {
  return new RequestError(400, `Bad request: Request decoding failed: ${why}`);
}

/** Says what is wrong with a body of one of Go's kinds. */
export type WrongKind = (kind: string) => string;

/** In the words of the loose reader, and in those of the strict one that some endpoints put before it. */
export const notAMap: WrongKind = (kind) => `'' expected a map, got '${kind}'`;
export const notAnObject: WrongKind = (kind) =>
  `json: cannot unmarshal ${jsonWords[kind] ?? kind} into Go value of type map[string]interface {}`;

const jsonWords: Readonly<Record<string, string>> = { slice: "array", float64: "number" };

/**
 * The object in a body; `null` counts as an empty one.
 *
 * @throws RequestError
 */
export function parseObjectBody(body: Buffer, wrongKind: WrongKind): JsonObject {
  const value = parseJson(body.toString("utf8"));
  if (value === null) return {};
  if (!isObject(value)) throw undecodable(wrongKind(kindOf(value)));
  return value;
}

function parseJson(written: string): Json {
  if (written.trim() === "") throw undecodable("EOF");
  try {
    return JSON.parse(written, finite) as Json;
  } catch (error) {
    throw undecodable(error instanceof Error ? error.message : String(error));
  }
}

/** JSON has larger numbers than a double; they would turn into infinity unnoticed. */
function finite(_key: string, value: unknown): unknown {
  if (typeof value !== "number" || Number.isFinite(value)) return value;
  throw new Error("json: cannot unmarshal a number that large into Go value of type float64");
}
