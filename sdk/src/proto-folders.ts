/** Where loadContract finds .proto files on the disk. */
import { readFileSync, realpathSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { MeshError } from "./call/mesh-error.ts";
import type { ProtoSource } from "./contract/proto-files.ts";

interface Opened {
  readonly name: string;
  readonly text: string;
  readonly path: string;
}

export class ProtoFolders implements ProtoSource {
  readonly #folders: readonly string[] | undefined;
  /** Files by where they are: one that was named by its path and is imported too must not be read as two. */
  readonly #names = new Map<string, string>();

  /** @param folders that imports start from; default: the importing file's and those above it, nearest first. */
  constructor(folders: readonly string[] | undefined) {
    this.#folders = folders?.map((folder) => resolve(folder));
  }

  get searched(): string {
    return this.#folders === undefined ? "the folders above it" : this.#folders.join(", ") || "no folder (includeDirs)";
  }

  open(path: string): Opened {
    const tried = [path, ...(this.#folders ?? []).map((folder) => join(folder, path))].map((one) => resolve(one));
    for (const candidate of tried) {
      const text = read(candidate);
      if (text !== undefined) return { name: this.#nameOf(candidate, text), text, path: candidate };
    }
    throw new MeshError("INVALID_ARGUMENT", `proto file "${path}" does not exist: looked for ${tried.join(", ")}`);
  }

  import(name: string, importer: string): { name: string; text: string; path: string } | undefined {
    for (const folder of this.#folders ?? above(importer)) {
      const path = join(folder, name);
      const text = read(path);
      if (text === undefined) continue;
      const real = realpathSync(path);
      const known = this.#names.get(real) ?? name;
      this.#names.set(real, known);
      return { name: known, text, path };
    }
    return undefined;
  }

  /** The name that others import a file by: its path below the folder that imports start from. */
  #nameOf(path: string, text: string): string {
    const real = realpathSync(path);
    const known = this.#names.get(real);
    if (known !== undefined) return known;
    const root = this.#folders?.find((folder) => path.startsWith(folder + sep)) ?? packageRoot(path, text);
    const name = relative(root, path).split(sep).join("/");
    this.#names.set(real, name);
    return name;
  }
}

/** By convention the package is the folder: package greeter.v1 is in greeter/v1, below the root. */
function packageRoot(path: string, text: string): string {
  const folder = dirname(path);
  const segments = /^\s*package\s+([\w.]+)\s*;/m.exec(text)?.[1]?.split(".") ?? [];
  const tail = sep + segments.join(sep);
  return segments.length > 0 && folder.endsWith(tail) ? folder.slice(0, -tail.length) || sep : folder;
}

function above(path: string): readonly string[] {
  const folders = [dirname(path)];
  for (let next = dirname(folders[0] ?? sep); !folders.includes(next); next = dirname(next)) folders.push(next);
  return folders;
}

/** Undefined when there is no such file; what cannot be read (a folder, no permission) is told. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new MeshError("INVALID_ARGUMENT", `proto file "${path}" cannot be read (${code})`, { cause: error });
  }
}
