/** Names become parts of keys and of paths, so what would change on the way is refused. */
import { MeshError } from "../call/mesh-error.ts";

const MAX_CHARS = 256;
/** Segments between single slashes, none of them "." or ".." and none with a control character. */
const NAME = /^(?!\.{1,2}(?:\/|$))[^/\p{Cc}]+(?:\/(?!\.{1,2}(?:\/|$))[^/\p{Cc}]+)*$/u;

/** Throws INVALID_ARGUMENT for what is no name. */
export function checkName(what: string, name: string): void {
  if (name.length <= MAX_CHARS && NAME.test(name)) return;
  throw new MeshError(
    "INVALID_ARGUMENT",
    `${what} ${JSON.stringify(name)} has no name that a key can have: write 1 to ${MAX_CHARS} characters, in parts between single slashes`,
  );
}
