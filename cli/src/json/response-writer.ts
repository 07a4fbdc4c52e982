/** Responses as proto3 JSON. */
import { type DescMessage, type Message, type Registry, toJsonString } from "@bufbuild/protobuf";
import type { ContractSource } from "../contract/contract-source.ts";
import { withTypes } from "../contract/with-types.ts";

export interface JsonStyle {
  /** "line": one compact line a message, for programs; "pretty": for people. */
  readonly layout: "line" | "pretty";
  /** "all" writes fields that hold their default too. */
  readonly fields: "set" | "all";
}

export interface ResponseContext {
  readonly desc: DescMessage;
  readonly types: Registry;
  readonly source: Pick<ContractSource, "typesWith">;
  /** Told of messages whose type nobody knows; of them only the type is written. */
  readonly onUnknown: (typeName: string) => void;
}

const INDENT = 2;

export async function writeMessage(context: ResponseContext, message: Message, style: JsonStyle): Promise<string> {
  const options = {
    prettySpaces: style.layout === "pretty" ? INDENT : 0,
    alwaysEmitImplicit: style.fields === "all",
  };
  return withTypes(context, (registry) => toJsonString(context.desc, message, { ...options, registry }));
}
