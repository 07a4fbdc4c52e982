/**
 * From a filter's text to a decision about records: parsed, checked against what the kind of record has, and then
 * evaluated. Everything wrong with a filter shows before the first record is looked at.
 */
import { RE2JS } from "re2js";

import { parseBoolean } from "../http/query.ts";
import type { Expression, Match, Operator } from "./expression.ts";
import type { Field, Fields } from "./fields.ts";
import { parseInteger, quote } from "./go-text.ts";

/** The filter says something that this kind of record does not have. */
export class FilterFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FilterFault";
  }
}

export type Predicate = (record: unknown) => boolean;

/** @throws FilterFault when a selector, an operator or a value does not fit the fields. */
export function compileFilter(expression: Expression, fields: Fields): Predicate {
  switch (expression.kind) {
    case "not": {
      const operand = compileFilter(expression.operand, fields);
      return (record) => !operand(record);
    }
    case "and":
    case "or": {
      const left = compileFilter(expression.left, fields);
      const right = compileFilter(expression.right, fields);
      if (expression.kind === "and") return (record) => left(record) && right(record);
      return (record) => left(record) || right(record);
    }
    case "match": {
      const field = findField(expression.selector, fields);
      const test = compileTest(expression, field);
      return (record) => select(record, { kind: "struct", fields }, expression, 0, test);
    }
  }
}

/** As Consul's errors call them. */
const operatorNames: Readonly<Record<Operator, string>> = {
  "==": "Equal",
  "!=": "Not Equal",
  in: "In",
  "not in": "Not In",
  "is empty": "Is Empty",
  "is not empty": "Is Not Empty",
  matches: "Matches",
  "not matches": "Not Matches",
};

const equality: readonly Operator[] = ["==", "!="];
const membership: readonly Operator[] = ["in", "not in"];
const emptiness: readonly Operator[] = ["is empty", "is not empty"];

const operatorsOf: Readonly<Record<Field["kind"], readonly Operator[]>> = {
  string: [...equality, ...membership, "matches", "not matches"],
  integer: equality,
  boolean: equality,
  strings: [...membership, ...emptiness],
  map: [...membership, ...emptiness],
  struct: [],
  structs: emptiness,
};

function findField(selector: readonly string[], fields: Fields): Field {
  let field: Field = { kind: "struct", fields };
  for (const [position, name] of selector.entries()) {
    const inner = fieldWithin(field, name);
    if (inner === undefined) {
      throw new FilterFault(`Selector ${quote(selector.slice(0, position + 1).join("."))} is not valid`);
    }
    field = inner;
  }
  return field;
}

function fieldWithin(field: Field, name: string): Field | undefined {
  if (field.kind === "struct" || field.kind === "structs") return field.fields.get(name);
  return field.kind === "map" ? field.values : undefined;
}

/** A test of the selected value that is already of the field's type. */
type Test = (value: unknown) => boolean;

function compileTest({ selector, operator, value }: Match, field: Field): Test {
  const shown = quote(selector.join("."));
  if (!operatorsOf[field.kind].includes(operator)) {
    throw new FilterFault(`Invalid match operator ${quote(operatorNames[operator])} for selector ${shown}`);
  }
  const negative = operator.includes("not") || operator === "!=";
  const test = positiveTest(operator, field, value ?? "", shown);
  return negative ? (found) => !test(found) : test;
}

function positiveTest(operator: Operator, field: Field, value: string, shown: string): Test {
  switch (operator) {
    case "is empty":
    case "is not empty":
      return (found) => Object.keys(found as object).length === 0;
    case "matches":
    case "not matches": {
      const expression = compileExpression(value);
      return (found) => expression.test(found as string);
    }
    case "in":
    case "not in":
      if (field.kind === "map") return (found) => Object.hasOwn(found as object, value);
      return (found) => (found as string | readonly string[]).includes(value);
    case "==":
    case "!=": {
      const wanted = coerce(value, field.kind, shown);
      if (typeof wanted === "bigint") return (found) => BigInt(found as number) === wanted;
      return (found) => found === wanted;
    }
  }
}

function coerce(value: string, kind: Field["kind"], shown: string): string | bigint | boolean {
  const refuse = (why: string): FilterFault =>
    new FilterFault(`Failed to coerce value ${quote(value)} for selector ${shown}: ${why}`);
  if (kind === "boolean") {
    const truth = parseBoolean(value);
    if (truth === undefined) throw refuse(`strconv.ParseBool: parsing ${quote(value)}: invalid syntax`);
    return truth;
  }
  if (kind !== "integer") return value;
  const number = parseInteger(value);
  if (typeof number === "object") throw refuse(number.fault);
  return number;
}

/** RE2's expressions, not JavaScript's: no backreferences, and no text that takes forever. */
function compileExpression(written: string): { test(text: string): boolean } {
  try {
    return RE2JS.compile(written);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new FilterFault(`Failed to compile regular expression ${quote(written)}: ${why}`);
  }
}

/**
 * Walks from a record to what the selector names and tests it there. In a list, one item that passes is enough. Where a
 * map lacks the key, what it would take to find something there fails, and everything else holds: even `matches`, for
 * want of a case of its own in Consul 1.8.
 */
function select(found: unknown, field: Field, match: Match, depth: number, test: Test): boolean {
  const name = match.selector[depth];
  const value = found ?? zeroOf(field.kind);
  if (name === undefined) return test(value);
  const inner = fieldWithin(field, name);
  if (inner === undefined) return false;
  if (field.kind === "structs") {
    const item: Field = { kind: "struct", fields: field.fields };
    return (value as readonly unknown[]).some((record) => select(record, item, match, depth, test));
  }
  const entries = value as Readonly<Record<string, unknown>>;
  if (field.kind === "map" && !Object.hasOwn(entries, name)) {
    return match.operator !== "==" && match.operator !== "in" && match.operator !== "is not empty";
  }
  return select(entries[name], inner, match, depth + 1, test);
}

function zeroOf(kind: Field["kind"]): unknown {
  switch (kind) {
    case "string":
      return "";
    case "integer":
      return 0;
    case "boolean":
      return false;
    case "strings":
    case "structs":
      return [];
    case "map":
    case "struct":
      return {};
  }
}
