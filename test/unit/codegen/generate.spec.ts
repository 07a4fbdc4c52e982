/** The generator fed with descriptors that no compiler would write but every one may: any name, any comment. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { create } from "@bufbuild/protobuf";
import {
  CodeGeneratorRequestSchema,
  type CodeGeneratorResponse,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import * as fc from "fast-check";
import { after, before, describe, it } from "mocha";
import { generate } from "../../../codegen/src/generate.ts";
import type { ServiceDefinition } from "../../../sdk/src/contract/definition.ts";

interface Shape {
  readonly packageName: string;
  readonly service: string;
  readonly message: string;
  readonly methods: readonly string[];
  readonly comment: string;
}

function describeFile({ packageName, service, message, methods, comment }: Shape): FileDescriptorProto {
  const typeName = packageName === "" ? `.${message}` : `.${packageName}.${message}`;
  const comments = [[6, 0], ...methods.map((_, index) => [6, 0, 2, index])];
  return create(FileDescriptorProtoSchema, {
    name: "any/file.proto",
    package: packageName,
    syntax: "proto3",
    messageType: [{ name: message }],
    service: [
      {
        name: service,
        method: methods.map((name, index) => ({
          name,
          inputType: typeName,
          outputType: typeName,
          clientStreaming: index % 2 === 1,
          serverStreaming: index % 4 > 1,
        })),
      },
    ],
    sourceCodeInfo: { location: comments.map((path) => ({ path, span: [1, 2, 3], leadingComments: comment })) },
  });
}

function run(file: FileDescriptorProto, parameter = ""): CodeGeneratorResponse {
  return generate(create(CodeGeneratorRequestSchema, { fileToGenerate: [file.name], parameter, protoFile: [file] }));
}

/** Words that mean something to TypeScript, to JavaScript's objects or to the generated file itself. */
const WORDS = [
  "class await delete new undefined eval arguments static yield let enum null",
  "constructor toString then __proto__ prototype hasOwnProperty valueOf Promise Iterable",
  "AsyncIterable CallOptions CallContext DeepPartial ServiceDefinition descriptorSet Date",
  "Function Object Error any never string type of async module globalThis",
].flatMap((line) => line.split(" "));

const identifier = fc.oneof(
  { arbitrary: fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,12}$/), weight: 3 },
  { arbitrary: fc.constantFrom(...WORDS), weight: 1 },
);

/** What could end a comment, or start something else. */
const SNIPPETS = [
  "*/ /* // /** * / \\ ` ${x} <!-- --> #! ' \" *\\/ **/ @ts-nocheck @deprecated \0".split(" "),
  ["\n", "\r", "\u2028", "\u2029", " ", "export const injected = 1;", "throw new Error();"],
].flat();

const comment = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.array(fc.constantFrom(...SNIPPETS), { maxLength: 12 }).map((parts) => parts.join("")),
);

const shape: fc.Arbitrary<Shape> = fc.record({
  packageName: fc.oneof(
    fc.constant(""),
    fc.array(identifier, { minLength: 1, maxLength: 3 }).map((all) => all.join(".")),
  ),
  service: identifier,
  message: identifier,
  methods: fc.uniqueArray(identifier, { maxLength: 5 }),
  comment,
});

describe("generated code", () => {
  let folder: string;
  let count = 0;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "meshwork-generate-"));
    symlinkSync(fileURLToPath(new URL("../../../node_modules", import.meta.url)), join(folder, "node_modules"));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Parses and runs it, with codecs that ts-proto would have written. */
  async function load(response: CodeGeneratorResponse): Promise<Readonly<Record<string, unknown>>> {
    const base = join(folder, String(count++));
    for (const { name, content } of response.file) {
      mkdirSync(dirname(join(base, name)), { recursive: true });
      writeFileSync(join(base, name), content);
      const [, names = ""] = /import \{ (.*) \} from ".\/file.ts"/.exec(content) ?? [];
      if (names === "") continue;
      const exported = names.split(", ").map((one) => `codec as ${one.split(" as ")[0]}`);
      writeFileSync(join(base, "any/file.ts"), `const codec = {}; export { ${exported.join(", ")} };`);
    }
    return (await import(pathToFileURL(join(base, "any/file.mesh.ts")).href)) as Readonly<Record<string, unknown>>;
  }

  it("parses and says what the descriptor says, whatever names and comments are", async () => {
    await fc.assert(
      fc.asyncProperty(shape, async (one) => {
        // Within a package, names are unique; the compiler sees to it.
        fc.pre(one.service !== one.message);
        const response = run(describeFile(one));
        if (response.error !== undefined && response.error !== "") {
          assert.match(response.error, /is not a DNS label|its name in TypeScript is|which is no name/);
          return;
        }
        const module = await load(response);
        const [name, ...more] = Object.keys(module);
        assert.deepEqual(more, [], "a comment declares nothing");
        assert.ok(name === one.service || name === `${one.service}$`, name);
        const definition = module[name] as ServiceDefinition;
        assert.equal(definition.typeName, one.packageName === "" ? one.service : `${one.packageName}.${one.service}`);
        assert.deepEqual(
          Object.values(definition.methods).map((method) => method.name),
          one.methods,
        );
        for (const [key, method] of Object.entries(definition.methods)) {
          assert.equal(method.path, `/${definition.typeName}/${method.name}`);
          assert.ok(!(key in {}), key);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("survives a file name that tries to end its line", () => {
    const file = describeFile({ packageName: "a", service: "S", message: "M", methods: ["Get"], comment: "" });
    file.name = 'a"b\nthrow new Error();\u2028.proto';
    const [mesh] = run(file).file;
    assert.match(mesh!.content, /^\/\/ source: a"b\?throw new Error\(\);\?\.proto$/m);
    assert.match(mesh!.content, /file: "a\\"b\\nthrow new Error\(\);/);
  });

  it("is nothing at all for files without services", () => {
    const file = create(FileDescriptorProtoSchema, { name: "a.proto", syntax: "proto3", messageType: [{ name: "M" }] });
    const { file: files, error } = run(file);
    assert.deepEqual([files, error], [[], ""]);
  });

  it("leaves a proto file called schema its own name", () => {
    const file = describeFile({ packageName: "", service: "S", message: "M", methods: [], comment: "" });
    file.name = "schema.proto";
    assert.deepEqual(
      run(file).file.map(({ name }) => name),
      ["schema.mesh.ts", "schema_.mesh.ts"],
    );
  });

  it("refuses unknown options in the response, not by failing", () => {
    const file = describeFile({ packageName: "", service: "S", message: "M", methods: [], comment: "" });
    const { error, file: files } = run(file, "importSuffix=.ts,colour=blue");
    assert.match(error ?? "", /^option "colour=blue" is not known to protoc-gen-mesh, which knows:/);
    assert.deepEqual(files, []);
  });
});
