/** What a filter says, taken apart. */

export type Operator = "==" | "!=" | "in" | "not in" | "is empty" | "is not empty" | "matches" | "not matches";

export interface Match {
  readonly kind: "match";
  /** Field names from the outside in; at least one. */
  readonly selector: readonly string[];
  readonly operator: Operator;
  /** As written, whatever the field's type; only for operators that take one. */
  readonly value: string | undefined;
}

export type Expression =
  | { readonly kind: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "not"; readonly operand: Expression }
  | Match;
