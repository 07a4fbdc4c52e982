/** What `/v1/txn` answers, as JSON. */
import type { Entry } from "../state/key-value.ts";
import type { Result } from "../state/operation.ts";
import type { Failure } from "../state/transaction.ts";
import { catalogCheckJson, entryJson, healthServiceJson, nodeJson } from "./shapes.ts";

/** Write it with `stringifyExactly`. */
export function resultJson(result: Result): object {
  switch (result.kind) {
    case "KV":
      return { KV: entryJson(result.value === "shown" ? result.entry : withoutValue(result.entry)) };
    case "Node":
      return { Node: nodeJson(result.node) };
    case "Service": {
      const shape = healthServiceJson(result.instance);
      return { Service: { ...shape, Tags: orNull(result.instance.service.tags) } };
    }
    case "Check": {
      const shape = catalogCheckJson(result.check);
      return { Check: { ...shape, ServiceTags: orNull(result.check.serviceTags) } };
    }
  }
}

export function failureJson({ position, why }: Failure): object {
  return { OpIndex: position, What: why };
}

function withoutValue(entry: Entry): Entry {
  return { ...entry, value: Buffer.alloc(0) };
}

function orNull(list: readonly string[]): readonly string[] | null {
  return list.length === 0 ? null : list;
}
