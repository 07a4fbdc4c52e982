/**
 * Proto files and all they import, parsed one by one with protobufjs. Each is parsed into a root of its own: protobufjs
 * merges files and forgets which file declared what, which imports it had and which syntax.
 */
import type * as Protobufjs from "protobufjs";
import { MeshError } from "../call/mesh-error.ts";
import { POLICY_PROTO } from "../gen/meshwork/v1/policy-proto.ts";
import { isWellKnown } from "./well-known-files.ts";

export interface ProtoFile {
  /** The name others import it by: "greeter/v1/greeter.proto". */
  readonly name: string;
  readonly text: string;
  readonly package: string;
  /** "proto2", "proto3" or an edition: "2023". */
  readonly syntax: string;
  readonly imports: readonly string[];
  readonly publicImports: ReadonlySet<string>;
  /** What this file alone declares, with fields named as in the text; references are not resolved. */
  readonly root: Protobufjs.Root;
}

/** Finds files; the only way out of here. */
export interface ProtoSource {
  /** The file a user named. Throws MeshError when there is none. */
  open(path: string): { name: string; text: string; path: string };
  /** A file imported by another; undefined when it is nowhere. */
  import(name: string, importer: string): { name: string; text: string; path: string } | undefined;
  /** Where it was looked for, to be told when nothing was found. */
  readonly searched: string;
}

const POLICY_FILE = "meshwork/v1/policy.proto";

/**
 * Reads the files and, through their imports, all others but Google's own; imported files come first.
 *
 * @throws MeshError INVALID_ARGUMENT naming the file (and line) that is missing or no proto file.
 */
export function collectProtoFiles(
  paths: readonly string[],
  source: ProtoSource,
  protobufjs: typeof Protobufjs,
): ProtoFile[] {
  const files: ProtoFile[] = [];
  const seen = new Set<string>();

  const visit = (name: string, text: string, path: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const file = parseProtoFile(name, text, path, protobufjs);
    const renamed = new Map<string, string>();
    for (const imported of file.imports) {
      if (isWellKnown(imported)) continue;
      const found = source.import(imported, path) ?? bundled(imported);
      if (found === undefined) {
        throw new MeshError(
          "INVALID_ARGUMENT",
          `${path} imports "${imported}", which is in none of ${source.searched}: ` +
            "name the folder that imports start from in includeDirs",
        );
      }
      if (found.name !== imported) renamed.set(imported, found.name);
      visit(found.name, found.text, found.path);
    }
    const rename = (one: string): string => renamed.get(one) ?? one;
    const publicImports = new Set([...file.publicImports].map(rename));
    files.push({ ...file, imports: file.imports.map(rename), publicImports });
  };

  for (const path of paths) {
    const opened = source.open(path);
    visit(opened.name, opened.text, opened.path);
  }
  return files;
}

/** Contracts import our options, but who loads one at run time need not have that file. */
function bundled(name: string): { name: string; text: string; path: string } | undefined {
  return name === POLICY_FILE ? { name, text: POLICY_PROTO, path: POLICY_FILE } : undefined;
}

function parseProtoFile(name: string, text: string, path: string, protobufjs: typeof Protobufjs): ProtoFile {
  const bare = text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, "");
  const root = new protobufjs.Root();
  try {
    const parsed = protobufjs.parse(text, root, { keepCase: true });
    return {
      name,
      text,
      package: parsed.package ?? "",
      syntax: /^\s*(?:syntax|edition)\s*=\s*["']([^"']+)["']/.exec(bare)?.[1] ?? "proto2",
      imports: [...(parsed.imports ?? []), ...(parsed.weakImports ?? [])],
      publicImports: new Set([...bare.matchAll(/\bimport\s+public\s+["']([^"']+)["']/g)].map(([, one]) => one ?? "")),
      root,
    };
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    throw new MeshError("INVALID_ARGUMENT", `${path} is not a proto file that can be read: ${fault}`, { cause: error });
  }
}
