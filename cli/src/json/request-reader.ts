/** Requests as messages: proto3 JSON read by the contract, with mistakes explained by it. */
import { type DescMessage, fromJson, type JsonValue, type Message, type Registry } from "@bufbuild/protobuf";
import { closestFirst } from "../closest.ts";
import type { ContractSource } from "../contract/contract-source.ts";
import { withTypes } from "../contract/with-types.ts";
import { UsageError } from "../failures.ts";
import { readJson } from "./read-json.ts";
import { type JsonText, ValueSplitter } from "./value-splitter.ts";

export interface RequestContext {
  readonly desc: DescMessage;
  readonly types: Registry;
  readonly source: Pick<ContractSource, "typesWith">;
}

/** The one request of a method that takes one. Throws UsageError. */
export async function readRequest(context: RequestContext, text: string): Promise<Message> {
  const splitter = new ValueSplitter();
  const [first, second] = [...splitter.push(text), ...splitter.end()];
  if (second !== undefined) {
    const where = `line ${second.line}, column ${second.column}`;
    throw new UsageError(`method takes one request, and a second starts at ${where}: leave it out`);
  }
  return toMessage(context, first === undefined ? {} : readJson(first), "request");
}

/** The requests of a method that takes many, each as soon as its text is complete. Throws UsageError. */
export async function* readRequests(
  context: RequestContext,
  pieces: Iterable<string> | AsyncIterable<string>,
): AsyncGenerator<Message> {
  const splitter = new ValueSplitter();
  const numbers = { next: 1 };
  for await (const piece of pieces) yield* readTexts(context, splitter.push(piece), numbers);
  yield* readTexts(context, splitter.end(), numbers);
}

/** A list stands for the requests in it, unless lists are what the method takes. */
async function* readTexts(
  context: RequestContext,
  texts: readonly JsonText[],
  numbers: { next: number },
): AsyncGenerator<Message> {
  for (const text of texts) {
    const json = readJson(text);
    const takesLists = /^google\.protobuf\.(?:ListValue|Value)$/.test(context.desc.typeName);
    const requests = Array.isArray(json) && !takesLists ? json : [json];
    for (const one of requests) yield await toMessage(context, one, `request ${numbers.next++}`);
  }
}

async function toMessage({ desc, types, source }: RequestContext, json: JsonValue, what: string): Promise<Message> {
  try {
    return await withTypes({ types, source }, (known) => fromJson(desc, json, { registry: known }));
  } catch (error) {
    if (!(error instanceof Error) || error.name === "MeshError") throw error;
    throw new UsageError(`${what} does not fit ${desc.typeName}: ${error.message}${wayOut(error.message, types)}`);
  }
}

/** What could have been written instead, for mistakes in names. */
function wayOut(fault: string, types: Registry): string {
  const [, messageName = "", key = ""] = /message (\S+) from JSON: key "(.*)" is unknown/.exec(fault) ?? [];
  const fields = types.getMessage(messageName)?.fields.map((field) => field.jsonName);
  if (fields !== undefined)
    return `: it has ${fields.length === 0 ? "no fields" : closestFirst(key, fields).join(", ")}`;
  const [, enumName = "", value = ""] = /enum (\S+) from JSON: "(.*)"/.exec(fault) ?? [];
  const values = types.getEnum(enumName)?.values.map(({ name }) => name);
  return values === undefined ? "" : `: it has ${closestFirst(value, values).join(", ")}`;
}
