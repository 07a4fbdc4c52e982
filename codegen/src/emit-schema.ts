/** Writes the schema: the descriptors of all files with services and of what they import, for reflection to serve. */
import { clone, create, type DescFile, toBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { packDescriptorSet } from "@meshwork/sdk/contract";
import { meshFileName } from "./message-names.ts";
import { Source } from "./source.ts";

const LINE_CHARS = 112;

/** Its path from the output's root; a proto file of the same name pushes it aside. */
export function schemaFileName(files: readonly DescFile[]): string {
  const taken = new Set(files.map(meshFileName));
  let name = "schema";
  while (taken.has(`${name}.mesh.ts`)) name += "_";
  return `${name}.mesh.ts`;
}

export function emitSchema(
  name: string,
  roots: readonly DescFile[],
  all: readonly FileDescriptorProto[],
): { name: string; content: string } {
  const needed = withImports(roots);
  const files = all.filter((file) => needed.has(file.name)).map(withoutSourceInfo);
  const bytes = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: files }));

  const source = new Source(name, ["descriptorSet"]);
  const unpack = source.value("unpackDescriptorSet", "@meshwork/sdk/contract");
  source.doc(["google.protobuf.FileDescriptorSet of:", ...files.map((file) => `- ${file.name}`)]);
  source.block(`export const descriptorSet: () => Uint8Array = ${unpack}(`, ");", () => {
    const packed = packDescriptorSet(bytes);
    const lines = packed.match(new RegExp(`.{1,${LINE_CHARS}}`, "g")) ?? [""];
    lines.forEach((line, index) => source.line(`"${line}"${index < lines.length - 1 ? " +" : ","}`));
  });
  return { name, content: source.toText("all files with services, and their imports") };
}

function withImports(roots: readonly DescFile[]): ReadonlySet<string> {
  const found = new Set<DescFile>(roots);
  for (const file of found) for (const imported of file.dependencies) found.add(imported);
  return new Set([...found].map((file) => file.proto.name));
}

/** Comments and line numbers are half of a descriptor, and reflection has no use for them. */
function withoutSourceInfo(file: FileDescriptorProto): FileDescriptorProto {
  const bare = clone(FileDescriptorProtoSchema, file);
  delete bare.sourceCodeInfo;
  return bare;
}
