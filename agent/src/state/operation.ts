/** What a transaction is made of. https://developer.hashicorp.com/consul/api-docs/txn */
import type { CheckContent, Check, CatalogNode, Instance, NodeDescription, Service } from "./service.ts";
import type { Draft, Entry } from "./key-value.ts";

/** Verbs are as the caller wrote them: what they mean is found out when their turn comes. */
export type Operation =
  | {
      readonly kind: "KV";
      readonly verb: string;
      readonly draft: Draft;
      /** The modify index that the key must have; 0 for none. */
      readonly index: bigint;
      readonly session: string;
    }
  | { readonly kind: "Node"; readonly verb: string; readonly node: NodeDescription; readonly index: bigint }
  | {
      readonly kind: "Service";
      readonly verb: string;
      readonly node: string;
      readonly service: Service;
      readonly index: bigint;
    }
  | {
      readonly kind: "Check";
      readonly verb: string;
      readonly node: string;
      readonly check: CheckContent;
      readonly index: bigint;
    };

export type OperationOf<Kind extends Operation["kind"]> = Extract<Operation, { readonly kind: Kind }>;

/** What an operation leaves or finds. */
export type Result =
  | { readonly kind: "KV"; readonly entry: Entry; readonly value: "shown" | "left out" }
  | { readonly kind: "Node"; readonly node: CatalogNode }
  | { readonly kind: "Service"; readonly instance: Instance }
  | { readonly kind: "Check"; readonly check: Check };

/** Why an operation cannot be, in Consul's words. */
export class OperationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "OperationError";
  }
}

/** Go's `%q`. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

const readVerbs = {
  // What is no verb at all changes nothing either.
  KV: (verb: string): boolean => !writingKeyVerbs.has(verb),
  Node: (verb: string): boolean => verb === "get",
  Service: (verb: string): boolean => verb === "get",
  Check: (verb: string): boolean => verb === "get",
} as const;

const writingKeyVerbs: ReadonlySet<string> = new Set([
  "set",
  "delete",
  "delete-cas",
  "delete-tree",
  "cas",
  "lock",
  "unlock",
]);

const lookUps: ReadonlySet<string> = new Set(["get", "get-tree"]);

/** Whether it only shows what is there. Checks do not: they tell it by whether the transaction fails. */
export function looksUp({ verb }: Operation): boolean {
  return lookUps.has(verb);
}

export function onlyReads({ kind, verb }: Operation): boolean {
  return readVerbs[kind](verb);
}
