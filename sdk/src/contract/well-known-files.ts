/** google/protobuf/*.proto: every protobuf library brings its own, so contracts need not. */
import type { DescFile } from "@bufbuild/protobuf";
import * as wkt from "@bufbuild/protobuf/wkt";
import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";

const FILES: ReadonlyMap<string, DescFile> = new Map(
  Object.values(wkt)
    .filter((one): one is DescFile => typeof one === "object" && "kind" in one && one.kind === "file")
    .map((file) => [file.proto.name, file]),
);

export function isWellKnown(name: string): boolean {
  return FILES.has(name);
}

/** Descriptors of those among the names, and of all they import; imported ones come first. */
export function wellKnownFiles(names: readonly string[]): readonly FileDescriptorProto[] {
  const found = new Set<FileDescriptorProto>();
  const add = (name: string): void => {
    const file = FILES.get(name)?.proto;
    if (file === undefined) return;
    for (const imported of file.dependency) add(imported);
    found.add(file);
  };
  for (const name of names) add(name);
  return [...found];
}
