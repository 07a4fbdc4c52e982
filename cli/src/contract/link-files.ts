/**
 * Makes types of the file descriptors that a server gave. Servers give them in any order, some with all they import and
 * some without, and some lack files that they were built without (custom options, Google's own).
 */
import { clone, create, createFileRegistry, type DescFile, type FileRegistry } from "@bufbuild/protobuf";
import * as wkt from "@bufbuild/protobuf/wkt";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { nameFieldsInJson } from "./json-names.ts";

/** google/protobuf/*.proto: every protobuf library brings its own. */
const WELL_KNOWN: ReadonlyMap<string, FileDescriptorProto> = new Map(
  Object.values(wkt)
    .filter((one): one is DescFile => typeof one === "object" && "kind" in one && one.kind === "file")
    .map(({ proto }) => [proto.name, proto]),
);

/**
 * @param files by name. Imports that are neither here nor Google's are left out: they declared options, which nobody
 *   needs to make a call. Throws when a message needs a type of such a file.
 */
export function linkFiles(files: ReadonlyMap<string, FileDescriptorProto>): FileRegistry {
  const linked = new Map<string, FileDescriptorProto>();
  const visit = (file: FileDescriptorProto): void => {
    if (linked.has(file.name)) return;
    const imports = file.dependency.flatMap((name) => files.get(name) ?? WELL_KNOWN.get(name) ?? []);
    for (const one of imports) visit(one);
    const dependency = imports.map(({ name }) => name);
    const publicDependency = publicOnes(file, dependency);
    const changed = { dependency, publicDependency, weakDependency: [] };
    linked.set(file.name, nameFieldsInJson(Object.assign(clone(FileDescriptorProtoSchema, file), changed)));
  };
  for (const file of files.values()) visit(file);
  return createFileRegistry(create(FileDescriptorSetSchema, { file: [...linked.values()] }));
}

/** Imports that no file is known for. */
export function missingImports(files: ReadonlyMap<string, FileDescriptorProto>): readonly string[] {
  const imports = [...files.values()].flatMap((file) => file.dependency);
  return [...new Set(imports)].filter((name) => !files.has(name));
}

/** Public imports are given as places in the list of imports, which may have become shorter. */
function publicOnes({ dependency, publicDependency }: FileDescriptorProto, left: readonly string[]): number[] {
  return publicDependency.flatMap((place) => {
    const at = left.indexOf(dependency[place] ?? "");
    return at < 0 ? [] : [at];
  });
}
