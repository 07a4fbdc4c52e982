/**
 * Consul's filter language: https://developer.hashicorp.com/consul/api-docs/features/filtering, in the grammar of
 * go-bexpr 0.1, which Consul 1.8 has. Its oddities are kept: `or` and `and` group to the right, `contains` is `in` the
 * other way round, a bare word is a value, and a value that looks like a selector loses its brackets.
 */
import type { Expression, Operator } from "./expression.ts";
import { unquote } from "./go-text.ts";
import {
  ahead,
  anyRune,
  atLeastOne,
  choice,
  literal,
  many,
  meaning,
  mistake,
  notAhead,
  oneOf,
  optional,
  parse,
  type Pattern,
  reading,
  rule,
  sequence,
} from "./peg.ts";

/** @throws SyntaxFault when it is no filter, or too deep a one. */
export function parseExpression(written: string): Expression {
  return parse(input, written);
}

const space = rule('"whitespace"', () => atLeastOne(oneOf("[ \\t\\r\\n]")));
const maybeSpace = optional(space);
const end = rule("EOF", () => notAhead(anyRune));

const input = rule("Input", () => {
  const body = sequence(maybeSpace, orExpression, maybeSpace, end);
  const enclosed = sequence(maybeSpace, inParentheses, maybeSpace, end);
  return choice(
    meaning(enclosed, ([, expression]) => expression),
    meaning(body, ([, expression]) => expression),
  );
});

const orExpression: Pattern<Expression> = rule("OrExpression", () => joined("or", andExpression, () => orExpression));
const andExpression: Pattern<Expression> = rule("AndExpression", () =>
  joined("and", notExpression, () => andExpression),
);

function joined(kind: "and" | "or", operand: Pattern<Expression>, again: () => Pattern<Expression>) {
  const both = sequence(operand, space, literal(kind), space, again());
  return choice<Expression>(
    meaning(both, ([left, , , , right]) => ({ kind, left, right })),
    operand,
  );
}

const notExpression: Pattern<Expression> = rule("NotExpression", () => {
  const negated = sequence(literal("not"), space, notExpression);
  return choice<Expression>(
    meaning(negated, ([, , operand]) => (operand.kind === "not" ? operand.operand : { kind: "not", operand })),
    grouping,
  );
});

const opened = sequence(literal("("), maybeSpace, (text) => orExpression(text), maybeSpace);
const inParentheses = meaning(sequence(opened, literal(")")), ([[, , expression]]) => expression);
const grouping: Pattern<Expression> = rule('"grouping"', () =>
  choice<Expression>(
    inParentheses,
    match,
    sequence(opened, notAhead(literal(")")), mistake("Unmatched parentheses")) as Pattern<never>,
  ),
);

const match: Pattern<Expression> = rule('"match"', () => choice(compared, examined, contained));

const compared: Pattern<Expression> = rule('"match"', () => {
  const operator = choice(
    comparison("=="),
    comparison("!="),
    words("in", "contains"),
    words("not in", "not", "contains"),
    words("matches", "matches"),
    words("not matches", "not", "matches"),
  );
  return meaning(sequence(selector, operator, value), ([selector, operator, value]) => ({
    kind: "match",
    selector,
    operator,
    value,
  }));
});

const examined: Pattern<Expression> = rule('"match"', () => {
  const isEmpty = meaning(sequence(space, literal("is"), space, literal("empty")), (): Operator => "is empty");
  const isNotEmpty = meaning(
    sequence(space, literal("is"), space, literal("not"), space, literal("empty")),
    (): Operator => "is not empty",
  );
  return meaning(sequence(selector, choice(isEmpty, isNotEmpty)), ([selector, operator]) => ({
    kind: "match",
    selector,
    operator,
    value: undefined,
  }));
});

const contained: Pattern<Expression> = rule('"match"', () => {
  const operator = choice(words("in", "in"), words("not in", "not", "in"));
  return choice<Expression>(
    meaning(sequence(value, operator, selector), ([value, operator, selector]) => ({
      kind: "match",
      selector,
      operator,
      value,
    })),
    sequence(value, operator, notAhead(selector), mistake("Invalid selector")) as Pattern<never>,
  );
});

function comparison(operator: "==" | "!="): Pattern<Operator> {
  return rule(operator, () => meaning(sequence(maybeSpace, literal(operator), maybeSpace), () => operator));
}

function words(operator: Operator, ...written: readonly string[]): Pattern<Operator> {
  const parts = written.flatMap((word) => [space, literal(word)]);
  return rule(operator, () => meaning(sequence<readonly Pattern<unknown>[]>(...parts, space), () => operator));
}

const identifier = rule("Identifier", () =>
  meaning(sequence(oneOf("[a-zA-Z]"), many(oneOf("[a-zA-Z0-9_]"))), (_, matched) => matched),
);

const selector = rule('"selector"', () => {
  const field = meaning(sequence(literal("."), identifier), ([, name]) => name);
  const part = rule("SelectorOrIndex", () => choice(field, index));
  return meaning(sequence(identifier, many(part)), ([first, rest]) => [first, ...rest]);
});

const index = rule('"index"', () => {
  const open = sequence(literal("["), maybeSpace);
  const closed = sequence(open, text, maybeSpace, literal("]"));
  return choice<string>(
    meaning(closed, ([, key]) => key),
    sequence(open, notAhead(text), mistake("Invalid index")) as Pattern<never>,
    sequence(open, text, maybeSpace, notAhead(literal("]")), mistake("Unclosed index expression")) as Pattern<never>,
  );
});

const value = rule('"value"', () =>
  choice(
    meaning(selector, (parts) => parts.join(".")),
    number,
    text,
  ),
);

const number = rule('"number"', () => {
  const whole = choice<unknown>(literal("0"), sequence(oneOf("[1-9]"), many(oneOf("[0-9]"))));
  const fraction = optional(sequence(literal("."), atLeastOne(oneOf("[0-9]"))));
  const amount = rule("IntegerOrFloat", () => sequence(whole, fraction));
  const after = rule("AfterNumbers", () => ahead(choice<unknown>(space, end, literal(")"))));
  const signed = sequence(optional(literal("-")), amount);
  return choice<string>(
    meaning(sequence(signed, ahead(after)), (_, matched) => matched),
    sequence(signed, notAhead(after), mistake("Invalid number literal")) as Pattern<never>,
  );
});

const text = rule('"string"', () => {
  const rawRunes = many(rule("RawStringChar", () => sequence(notAhead(literal("`")), anyRune)));
  const runes = many(rule("DoubleStringChar", () => sequence(notAhead(literal('"')), anyRune)));
  const open = choice<unknown>(sequence(literal("`"), rawRunes), sequence(literal('"'), runes));
  const whole = choice<unknown>(
    sequence(literal("`"), rawRunes, literal("`")),
    sequence(literal('"'), runes, literal('"')),
  );
  const unquoted = reading(whole, (_, matched) => unquote(matched), "invalid syntax");
  return choice<string>(
    meaning(unquoted, (content) => content ?? ""),
    sequence(open, end, mistake("Unterminated string literal")) as Pattern<never>,
  );
});
