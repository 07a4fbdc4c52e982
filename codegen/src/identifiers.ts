/** Which names TypeScript lets a module declare. */

/** Reserved words of ECMAScript modules, and names that TypeScript forbids to declare at the top of a module. */
const RESERVED = new Set(
  (
    "await break case catch class const continue debugger default delete do else enum export extends false finally for " +
    "function if implements import in instanceof interface let new null package private protected public return static " +
    "super switch this throw true try typeof var void while with yield " +
    "arguments eval exports globalThis module require undefined"
  ).split(" "),
);

/** Names of types that no import can take over. */
const PREDEFINED = new Set("any bigint boolean never number object string symbol undefined unknown".split(" "));

/** Whether a name can stand in an import at all: "1" cannot. */
export function isIdentifier(name: string): boolean {
  return /^[A-Za-z_$][\w$]*$/.test(name);
}

/** Whether an import must take another name. */
export function mustBeRenamed(name: string): boolean {
  return RESERVED.has(name) || PREDEFINED.has(name);
}

/** A name that can be declared: reserved ones get a trailing "$". */
export function declarable(name: string): string {
  return RESERVED.has(name) ? `${name}$` : name;
}

/** A key of an object literal or interface, quoted where it has to be. */
export function propertyKey(key: string): string {
  return isIdentifier(key) && key !== "__proto__" ? key : JSON.stringify(key);
}
