/**
 * Finds what is wrong with JSON (RFC 8259) and where. JSON.parse does not say where in every version of Node.js, takes
 * the last of two equal keys, and rounds integers beyond 2^53 without a word; in a request all three are mistakes.
 */

export interface JsonFault {
  /** UTF-16 units from the start of the text. */
  readonly offset: number;
  /** 'expected "," or "}"' */
  readonly fault: string;
}

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[ !#-[\]-\u{10ffff}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
const STRING_START = /"(?:[ !#-[\]-\u{10ffff}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/uy;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /(?:true|false|null)(?![\w$])/y;
const INTEGER = /^-?\d+$/;
/** protobuf readers refuse messages nested deeper than 100; some of them are lists of lists. */
const MAX_DEPTH = 256;

/** The first fault of a text that should be one JSON value; undefined when it is. */
export function findJsonFault(text: string): JsonFault | undefined {
  try {
    new Checker(text).document();
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

class Fault extends Error implements JsonFault {
  readonly offset: number;
  readonly fault: string;

  constructor(offset: number, fault: string) {
    super(fault);
    this.offset = offset;
    this.fault = fault;
  }
}

class Checker {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    this.#value();
    if (this.#at < this.#text.length) throw this.#expected("the end");
  }

  #value(): void {
    this.#skip(SPACE);
    const first = this.#text[this.#at];
    if (first === "{") this.#object();
    else if (first === "[") this.#list();
    else if (first === '"') this.#string();
    else if (!this.#skip(WORD)) this.#number();
    this.#skip(SPACE);
  }

  #object(): void {
    const keys = new Set<string>();
    this.#members("}", () => {
      const start = this.#at;
      const key: unknown = JSON.parse(this.#string());
      if (keys.has(String(key))) throw new Fault(start, `key ${JSON.stringify(key)} is there twice`);
      keys.add(String(key));
      this.#skip(SPACE);
      if (!this.#take(":")) throw this.#expected('":"');
      this.#value();
    });
  }

  #list(): void {
    this.#members("]", () => this.#value());
  }

  #members(close: string, member: () => void): void {
    if (++this.#depth > MAX_DEPTH) throw new Fault(this.#at, `nested deeper than ${MAX_DEPTH}`);
    this.#at++;
    this.#skip(SPACE);
    while (!this.#take(close)) {
      member();
      if (this.#take(",")) {
        this.#skip(SPACE);
        if (this.#text[this.#at] === close) throw this.#expected('no "," before the end of the list');
      } else if (this.#text[this.#at] !== close) {
        throw this.#expected(`"," or "${close}"`);
      }
    }
    this.#depth--;
  }

  #string(): string {
    const start = this.#at;
    if (this.#text[start] !== '"') throw this.#expected("a key in double quotes");
    if (this.#skip(STRING)) return this.#text.slice(start, this.#at);
    this.#skip(STRING_START);
    const what =
      this.#at >= this.#text.length
        ? 'expected "\\"", found the end'
        : "character or escape that JSON does not allow in strings";
    throw new Fault(this.#at, what);
  }

  #number(): void {
    const start = this.#at;
    if (!this.#skip(NUMBER)) throw this.#expected("a value");
    const number = this.#text.slice(start, this.#at);
    if (INTEGER.test(number) && !Number.isSafeInteger(Number(number))) {
      throw new Fault(start, `${number} is more than a JSON number can carry exactly: write it in quotes`);
    }
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  /** Moves over a match; whether there was one. */
  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }

  #expected(what: string): Fault {
    const found = this.#text[this.#at];
    return new Fault(this.#at, `expected ${what}, found ${found === undefined ? "the end" : JSON.stringify(found)}`);
  }
}
