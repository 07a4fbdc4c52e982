/**
 * Conversion between messages and JSON when messages carry others (google.protobuf.Any): which types those are is only
 * known once they are met, and then a server must be asked for them.
 */
import { create, createFileRegistry, createRegistry, type Registry } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { BUILTIN_TYPES } from "./builtin-types.ts";
import type { ContractSource } from "./contract-source.ts";

/** More types than this in one message are not met but made up. */
const MAX_ROUNDS = 32;

export interface TypeOptions {
  readonly types: Registry;
  readonly source: Pick<ContractSource, "typesWith">;
  /** Told of types that nobody knows; they convert as messages without fields. Absent: conversion fails. */
  readonly onUnknown?: (typeName: string) => void;
}

/** Converts, and again with more types for as long as some were missed. Rejects with what convert throws. */
export async function withTypes<T>(options: TypeOptions, convert: (types: Registry) => T): Promise<T> {
  let types = options.types;
  for (let round = 0; ; round++) {
    const missed = new Set<string>();
    try {
      return convert(noticing(types, missed));
    } catch (error) {
      const [name] = missed;
      const more = name === undefined || round >= MAX_ROUNDS ? undefined : await lookUp(options, name);
      if (more === undefined) throw error;
      types = createRegistry(types, more);
    }
  }
}

async function lookUp({ source, onUnknown }: TypeOptions, name: string): Promise<Registry | undefined> {
  if (BUILTIN_TYPES.getMessage(name) !== undefined) return BUILTIN_TYPES;
  const found = await source.typesWith(name);
  if (found?.getMessage(name) !== undefined) return found;
  if (onUnknown === undefined) return undefined;
  onUnknown(name);
  return emptyMessage(name);
}

/** The same types, and a record of those that were asked for in vain. */
function noticing(types: Registry, missed: Set<string>): Registry {
  return Object.assign(Object.create(types) as Registry, {
    getMessage(name: string) {
      const found = types.getMessage(name);
      if (found === undefined) missed.add(name);
      return found;
    },
  });
}

function emptyMessage(typeName: string): Registry {
  const dot = typeName.lastIndexOf(".");
  const file = {
    name: `${typeName}.proto`,
    syntax: "proto3",
    package: typeName.slice(0, Math.max(0, dot)),
    messageType: [{ name: typeName.slice(dot + 1) }],
  };
  return createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
}
