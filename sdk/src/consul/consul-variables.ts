/** Environment variables as Consul's own tools read them, and the files that they name. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { MeshError } from "../call/mesh-error.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What variables may name; tests give their own. */
export interface Files {
  /** The text of a file; throws as node:fs does. */
  read(path: string): string;
  /** Paths of the files in a folder, sorted, without those that are hidden; throws as node:fs does. */
  list(folder: string): readonly string[];
}

export const diskFiles: Files = {
  read: (path) => readFileSync(path, "utf8"),
  list: (folder) =>
    readdirSync(folder)
      // A mounted secret keeps its versions in hidden folders and links to the files of one.
      .filter((name) => !name.startsWith("."))
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile())
      .sort(),
};

/** A variable set to nothing counts as not set, as in Consul's own tools. */
export function variable(env: Environment, name: string): string | undefined {
  const text = env[name]?.trim();
  return text === "" ? undefined : text;
}

/** The spellings that Go's strconv.ParseBool takes, as Consul's own tools do. Throws INVALID_ARGUMENT for others. */
export function flag(env: Environment, name: string): boolean | undefined {
  const text = variable(env, name);
  if (text === undefined) return undefined;
  if (/^(?:1|t|true)$/i.test(text)) return true;
  if (/^(?:0|f|false)$/i.test(text)) return false;
  throw new MeshError("INVALID_ARGUMENT", `${name} is ${JSON.stringify(text)}: write true or false`);
}

/** The text of the file that a variable names. Throws INVALID_ARGUMENT when it cannot be read or holds nothing. */
export function namedFile(name: string, path: string, files: Files, content: string): string {
  let text: string;
  try {
    text = files.read(path).trim();
  } catch (error) {
    throw unreadable(name, path, error, "file");
  }
  if (text !== "") return text;
  throw new MeshError(
    "INVALID_ARGUMENT",
    `${name} ${JSON.stringify(path)} is empty: write the ${content} into it or unset it`,
  );
}

/** The files in the folder that a variable names. Throws INVALID_ARGUMENT when there is none. */
export function namedFolder(name: string, folder: string, files: Files): readonly string[] {
  let paths: readonly string[];
  try {
    paths = files.list(folder);
  } catch (error) {
    throw unreadable(name, folder, error, "folder");
  }
  if (paths.length > 0) return paths;
  throw new MeshError("INVALID_ARGUMENT", `${name} ${JSON.stringify(folder)} holds no file: put one there or unset it`);
}

function unreadable(name: string, path: string, cause: unknown, kind: string): MeshError {
  const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
  return new MeshError(
    "INVALID_ARGUMENT",
    `${name} ${JSON.stringify(path)} cannot be read (${why}): name a readable ${kind} or unset it`,
    { cause },
  );
}
