/**
 * Cuts a text that arrives in pieces into JSON values: one a line (NDJSON), or one behind the other. It only counts
 * brackets and quotes; what it cuts out need not be JSON.
 */

export interface JsonText {
  readonly text: string;
  /** Where it starts in the whole input, both from 1. */
  readonly line: number;
  readonly column: number;
}

const SPACE = /[ \t\n\r]/;
const START = /[[{"]/;

export class ValueSplitter {
  #text = "";
  #line = 1;
  #column = 1;
  #startLine = 1;
  #startColumn = 1;
  #depth = 0;
  #kind: "none" | "nested" | "string" | "word" = "none";
  /** Within quotes: outside, inside, behind a backslash. */
  #quote: "out" | "in" | "escaped" = "out";

  /** The values that this piece completes. */
  push(piece: string): readonly JsonText[] {
    const values: JsonText[] = [];
    for (const character of piece) {
      // A number or word has no end of its own: what cannot belong to it ends it.
      if (this.#kind === "word" && (SPACE.test(character) || START.test(character))) values.push(this.#cut());
      if (this.#kind !== "none" || !SPACE.test(character)) this.#add(character);
      this.#count(character);
      if (this.#isComplete()) values.push(this.#cut());
    }
    return values;
  }

  /** What is left when the input ends: a number or word, or a value that was never closed. */
  end(): readonly JsonText[] {
    return this.#kind === "none" ? [] : [this.#cut()];
  }

  #add(character: string): void {
    if (this.#kind === "none") {
      this.#kind = character === "{" || character === "[" ? "nested" : character === '"' ? "string" : "word";
      this.#startLine = this.#line;
      this.#startColumn = this.#column;
    }
    this.#text += character;
    if (this.#quote === "escaped") this.#quote = "in";
    else if (character === '"') this.#quote = this.#quote === "in" ? "out" : "in";
    else if (character === "\\" && this.#quote === "in") this.#quote = "escaped";
    else if (this.#quote === "out" && this.#kind === "nested") this.#depth += depthChange(character);
  }

  #count(character: string): void {
    if (character === "\n") {
      this.#line++;
      this.#column = 1;
    } else {
      this.#column += character.length;
    }
  }

  #isComplete(): boolean {
    if (this.#quote !== "out") return false;
    return this.#kind === "string" || (this.#kind === "nested" && this.#depth === 0);
  }

  #cut(): JsonText {
    const value = { text: this.#text, line: this.#startLine, column: this.#startColumn };
    this.#text = "";
    this.#kind = "none";
    this.#quote = "out";
    this.#depth = 0;
    return value;
  }
}

function depthChange(character: string): number {
  if (character === "{" || character === "[") return 1;
  return character === "}" || character === "]" ? -1 : 0;
}
