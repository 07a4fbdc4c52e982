/**
 * Parsing expression grammars (Ford, POPL 2004) over text, remembering what a rule found where, so that parsing is
 * linear. Failures are told as Consul's parser tells them, which pigeon generates (https://github.com/mna/pigeon): what
 * was expected at the farthest place that was reached, or every fault that a rule pointed out on the way, also on ways
 * that were given up.
 */

export const noMatch: unique symbol = Symbol("no match");

/** Takes what it matches from the text, or leaves it where it was. */
export type Pattern<T> = (text: Text) => T | typeof noMatch;

/** The text is not of the grammar's language; `message` names each fault with its line, column and byte. */
export class SyntaxFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SyntaxFault";
  }
}

/** Rules within rules. Each costs some stack; nobody writes 100 parentheses by hand, or 400 conditions in a row. */
export const maxNesting = 450;

interface Remembered {
  readonly value: unknown;
  readonly end: number;
}

/** Text that is being parsed. */
export class Text {
  at = 0;
  /** Whether a match is what fails now: inside of a negation. */
  inverted = false;
  readonly #runes: readonly string[];
  readonly #faults = new Set<string>();
  readonly #expected = new Set<string>();
  readonly #rules: string[] = [];
  readonly #memory = new Map<object, Map<number, Remembered>>();
  #farthest = 0;

  constructor(text: string) {
    this.#runes = Array.from(text);
  }

  /** The character here; `undefined` at the end. */
  get rune(): string | undefined {
    return this.#runes[this.at];
  }

  slice(start: number): string {
    return this.#runes.slice(start, this.at).join("");
  }

  /** Notes the outcome of looking for `what` at a place, as far as it explains a failure. */
  note(outcome: "found" | "missed", what: string, at: number): void {
    if ((outcome === "found") !== this.inverted || at < this.#farthest) return;
    if (at > this.#farthest) this.#expected.clear();
    this.#farthest = at;
    this.#expected.add(this.inverted ? `!${what}` : what);
  }

  /** Parsing goes on, but fails in the end. */
  fault(why: string, at: number): void {
    this.#faults.add(`${this.#place(at)}: rule ${this.#rules.at(-1)}: ${why}`);
  }

  within<T>(identity: object, name: string, pattern: Pattern<T>): T | typeof noMatch {
    const known = this.#memory.get(identity) ?? new Map<number, Remembered>();
    this.#memory.set(identity, known);
    const key = this.at * 2 + (this.inverted ? 1 : 0);
    const before = known.get(key);
    if (before !== undefined) {
      this.at = before.end;
      return before.value as T | typeof noMatch;
    }
    if (this.#rules.length >= maxNesting) {
      throw new SyntaxFault(
        `${this.#place(this.at)}: the expression nests deeper than ${maxNesting} rules: write less`,
      );
    }
    this.#rules.push(name);
    const value = pattern(this);
    this.#rules.pop();
    known.set(key, { value, end: this.at });
    return value;
  }

  /** What is wrong with the text; `undefined` when it matched and nobody found fault. */
  verdict(matched: boolean): SyntaxFault | undefined {
    if (this.#faults.size > 0) return new SyntaxFault([...this.#faults].join("\n"));
    if (matched) return undefined;
    const expected = [...this.#expected].filter((what) => what !== "!.").sort(byCodePoint);
    if (this.#expected.has("!.")) expected.push("EOF");
    const last = expected.pop() ?? "";
    const listed = expected.length === 0 ? last : `${expected.join(", ")} or ${last}`;
    return new SyntaxFault(`${this.#place(this.#farthest)}: no match found, expected: ${listed}`);
  }

  /** Line and column from 1, and the byte from 0. A newline is column 0 of the line that it begins. */
  #place(at: number): string {
    const read = this.#runes.slice(0, at + 1);
    const newline = read.lastIndexOf("\n");
    const line = read.filter((rune) => rune === "\n").length + 1;
    return `${line}:${at - newline} (${Buffer.byteLength(this.#runes.slice(0, at).join(""))})`;
  }
}

function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** @throws SyntaxFault when the text does not match. */
export function parse<T>(pattern: Pattern<T>, written: string): T {
  const text = new Text(written);
  const value = pattern(text);
  const fault = text.verdict(value !== noMatch);
  if (fault !== undefined || value === noMatch) throw fault;
  return value;
}

/** A named pattern; defined late, so that rules can mention each other. */
export function rule<T>(name: string, define: () => Pattern<T>): Pattern<T> {
  let pattern: Pattern<T> | undefined;
  return (text) => text.within(define, name, (pattern ??= define()));
}

export function literal(written: string): Pattern<string> {
  const runes = Array.from(written);
  const what = JSON.stringify(written);
  return (text) => {
    const start = text.at;
    for (const rune of runes) {
      if (text.rune !== rune) {
        text.note("missed", what, start);
        text.at = start;
        return noMatch;
      }
      text.at += 1;
    }
    text.note("found", what, start);
    return written;
  };
}

/** One character of a class, written as a regular expression has it. */
export function oneOf(characterClass: string): Pattern<string> {
  const expression = new RegExp(`^${characterClass}$`, "u");
  return oneWhere(characterClass, (rune) => expression.test(rune));
}

export const anyRune: Pattern<string> = oneWhere(".", () => true);

function oneWhere(what: string, accept: (rune: string) => boolean): Pattern<string> {
  return (text) => {
    const { at, rune } = text;
    if (rune === undefined || !accept(rune)) {
      text.note("missed", what, at);
      return noMatch;
    }
    text.at += 1;
    text.note("found", what, at);
    return rune;
  };
}

type Matched<P> = P extends Pattern<infer T> ? T : never;

export function sequence<const P extends readonly Pattern<unknown>[]>(
  ...patterns: P
): Pattern<{ readonly [K in keyof P]: Matched<P[K]> }> {
  return (text) => {
    const start = text.at;
    const values: unknown[] = [];
    for (const pattern of patterns) {
      const value = pattern(text);
      if (value === noMatch) {
        text.at = start;
        return noMatch;
      }
      values.push(value);
    }
    return values as { readonly [K in keyof P]: Matched<P[K]> };
  };
}

/** The first alternative that matches. */
export function choice<T>(...alternatives: readonly Pattern<T>[]): Pattern<T> {
  return (text) => {
    for (const alternative of alternatives) {
      const value = alternative(text);
      if (value !== noMatch) return value;
    }
    return noMatch;
  };
}

export function optional<T>(pattern: Pattern<T>): Pattern<T | undefined> {
  return (text) => {
    const value = pattern(text);
    return value === noMatch ? undefined : value;
  };
}

export function many<T>(pattern: Pattern<T>): Pattern<T[]> {
  return (text) => {
    const values: T[] = [];
    for (let value = pattern(text); value !== noMatch; value = pattern(text)) values.push(value);
    return values;
  };
}

export function atLeastOne<T>(pattern: Pattern<T>): Pattern<T[]> {
  const some = many(pattern);
  return (text) => {
    const values = some(text);
    return values === noMatch || values.length === 0 ? noMatch : values;
  };
}

/** Looks ahead: matches where the pattern matches, and takes nothing. */
export function ahead(pattern: Pattern<unknown>): Pattern<undefined> {
  return (text) => {
    const start = text.at;
    const value = pattern(text);
    text.at = start;
    return value === noMatch ? noMatch : undefined;
  };
}

/** Looks ahead: matches where the pattern does not. */
export function notAhead(pattern: Pattern<unknown>): Pattern<undefined> {
  return (text) => {
    const start = text.at;
    text.inverted = !text.inverted;
    const value = pattern(text);
    text.inverted = !text.inverted;
    text.at = start;
    return value === noMatch ? undefined : noMatch;
  };
}

/** What a match means. A reading of `undefined` is a fault at the beginning of the match. */
export function reading<T, R>(
  pattern: Pattern<T>,
  read: (value: T, matched: string) => R | undefined,
  fault = "",
): Pattern<R | undefined> {
  return (text) => {
    const start = text.at;
    const value = pattern(text);
    if (value === noMatch) return noMatch;
    const result = read(value, text.slice(start));
    if (result === undefined) text.fault(fault, start);
    return result;
  };
}

/** What a match means. */
export function meaning<T, R>(pattern: Pattern<T>, read: (value: T, matched: string) => R): Pattern<R> {
  return (text) => {
    const start = text.at;
    const value = pattern(text);
    return value === noMatch ? noMatch : read(value, text.slice(start));
  };
}

/** Points out a fault and does not match: the last part of an alternative that recognises a mistake. */
export function mistake(why: string): Pattern<never> {
  return (text) => {
    text.fault(why, text.at);
    return noMatch;
  };
}
