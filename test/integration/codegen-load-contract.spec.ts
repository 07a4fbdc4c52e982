import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { Edition, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { after, before, describe, it } from "mocha";
import { MeshError } from "../../sdk/src/call/mesh-error.ts";
import { unpackDescriptorSet } from "../../sdk/src/contract/descriptor-set.ts";
import type { ServiceDefinition } from "../../sdk/src/contract/definition.ts";
import { type DynamicMessage, loadContract } from "../../sdk/src/load-contract.ts";
import { GreeterService } from "../../services/gen/greeter/v1/greeter.mesh.ts";
import { SayHelloRequest } from "../../services/gen/greeter/v1/greeter.ts";
import { Project } from "../fixtures/codegen/project.ts";

const greeterProto = fileURLToPath(new URL("../../proto/greeter/v1/greeter.proto", import.meta.url));
const translatorProto = fileURLToPath(new URL("../../proto/translator/v1/translator.proto", import.meta.url));
const fixtures = fileURLToPath(new URL("../fixtures/codegen/proto", import.meta.url));
const SHAPES = "shapes/v1/shapes.proto";
const ALL = [SHAPES, "legacy/legacy.proto", "modern/v1/modern.proto"].map((file) => join(fixtures, file));

/** All that is data in a definition. */
function dataOf({ typeName, meshName, schema, methods }: ServiceDefinition) {
  const data = Object.entries(methods).map(([key, { input: _input, output: _output, ...method }]) => [key, method]);
  return { typeName, meshName, file: schema?.file, methods: data };
}

function registryOf(definition: ServiceDefinition): FileRegistry {
  assert.ok(definition.schema);
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, definition.schema.descriptorSet()));
}

describe("loadContract", () => {
  it("gives what the code generator gives", () => {
    assert.deepEqual(dataOf(loadContract(greeterProto).service("GreeterService")), dataOf(GreeterService));
  });

  it("gives what the code generator gives for every shape of contract", async () => {
    const project = new Project();
    try {
      project.addFixtures();
      assert.equal(project.generate().status, 0);
      const contract = loadContract(ALL);
      for (const [module, names] of [
        ["shapes/v1/shapes", ["ShapesService", "class$", "DeepPartial"]],
        ["legacy/legacy", ["Orders"]],
        ["modern/v1/modern", ["ThingService"]],
        ["other/v1/other", ["OtherService"]],
      ] as const) {
        const url = pathToFileURL(project.path(`gen/${module}.mesh.ts`)).href;
        const generated = (await import(url)) as Readonly<Record<string, ServiceDefinition>>;
        for (const name of names) {
          const definition = generated[name]!;
          const expected = dataOf(definition);
          // protobufjs leaves out whatever is named __proto__.
          const methods = expected.methods.filter(([key]) => key !== "proto");
          assert.deepEqual(dataOf(contract.service(definition.typeName)), { ...expected, methods });
        }
      }
    } finally {
      project.remove();
    }
  });

  it("writes and reads the bytes that generated code writes and reads", () => {
    const { input } = loadContract(greeterProto).service("GreeterService").methods["sayHello"]!;
    const bytes = input.encode({ name: "Ada", language: "de" }).finish();
    assert.deepEqual(SayHelloRequest.decode(bytes), { name: "Ada", language: "de" });
    assert.deepEqual(input.decode(SayHelloRequest.encode({ name: "Ada", language: "" }).finish()), {
      name: "Ada",
      language: "",
    });
  });

  it("fills messages as documented", () => {
    const { input } = loadContract(ALL).service("ShapesService").methods["hedged"]!;
    const read = (message: DynamicMessage) =>
      input.decode(input.encode(input.fromPartial(message)).finish()) as DynamicMessage;
    const empty = read({});
    assert.deepEqual(empty["numbers"], []);
    assert.deepEqual({ ...(empty["byName"] as object) }, {});
    assert.equal(empty["mood"], "MOOD_UNSPECIFIED");
    assert.equal(empty["count"], "0");
    assert.equal(empty["title"], null);
    assert.ok(!("email" in empty) && !("target" in empty) && !("nickName" in empty));
    const full = read({ email: "a@b", mood: "MOOD_GOOD", count: "9007199254740993", payload: Buffer.from([1, 2]) });
    assert.deepEqual([full["target"], full["email"]], ["email", "a@b"]);
    assert.deepEqual([full["mood"], full["count"]], ["MOOD_GOOD", "9007199254740993"]);
    assert.deepEqual(Buffer.from(full["payload"] as Uint8Array), Buffer.from([1, 2]));
  });

  it("reads messages that lie inside a larger buffer", () => {
    const { input } = loadContract(greeterProto).service("GreeterService").methods["sayHello"]!;
    const bytes = SayHelloRequest.encode({ name: "Ada", language: "" }).finish();
    const larger = new Uint8Array(bytes.length + 20).fill(255);
    larger.set(bytes, 10);
    assert.deepEqual(input.decode(larger.subarray(10, 10 + bytes.length)), { name: "Ada", language: "" });
  });

  it("finds services by the end of their name, when only one ends so", () => {
    const contract = loadContract(ALL);
    assert.equal(contract.service("v1.OtherService").typeName, "other.v1.OtherService");
    assert.equal(contract.service("legacy.Orders").typeName, "legacy.Orders");
    assert.deepEqual(contract.services, [
      "other.v1.OtherService",
      "shapes.v1.ShapesService",
      "shapes.v1.class",
      "shapes.v1.DeepPartial",
      "legacy.Orders",
      "modern.v1.ThingService",
    ]);
  });

  it("finds imports from the folders above the file, or from those it is told", () => {
    assert.equal(loadContract(join(fixtures, SHAPES)).services.length, 4);
    assert.equal(loadContract(SHAPES, { includeDirs: [fixtures] }).service("ShapesService").schema?.file, SHAPES);
  });

  it("reads a file once that is named and imported", () => {
    const contract = loadContract([join(fixtures, "other/v1/other.proto"), join(fixtures, SHAPES)]);
    assert.equal(contract.services.filter((name) => name === "other.v1.OtherService").length, 1);
  });
});

describe("the schema of a loaded contract", () => {
  const shapes = loadContract(ALL).service("ShapesService");
  const registry = registryOf(shapes);

  it("has every file with its imports, imported ones first", () => {
    const set = fromBinary(FileDescriptorSetSchema, shapes.schema!.descriptorSet());
    const seen = new Set<string>();
    for (const file of set.file) {
      for (const imported of file.dependency) assert.ok(seen.has(imported), `${file.name} before ${imported}`);
      seen.add(file.name);
    }
    assert.ok(seen.has("meshwork/v1/policy.proto") && seen.has(SHAPES) && seen.has("google/protobuf/descriptor.proto"));
  });

  it("knows syntax, edition and public imports", () => {
    assert.equal(registry.getFile("legacy/legacy.proto")?.edition, Edition.EDITION_PROTO2);
    assert.equal(registry.getFile(SHAPES)?.edition, Edition.EDITION_PROTO3);
    const modern = registry.getFile("modern/v1/modern.proto");
    assert.equal(modern?.edition, Edition.EDITION_2023);
    assert.deepEqual(modern.proto.publicDependency, [0]);
  });

  /** What the compiler itself says of the same files. */
  it("describes every message as buf does", () => {
    const project = new Project();
    try {
      project.addFixtures();
      assert.equal(project.generate().status, 0);
      const text = project.read("gen/schema.mesh.ts");
      const packed = [...text.matchAll(/^ {2}"(.*)"/gm)].map(([, line]) => line).join("");
      const compiled = createFileRegistry(fromBinary(FileDescriptorSetSchema, unpackDescriptorSet(packed)()));
      for (const desc of compiled) {
        if (desc.kind !== "message" || desc.file.name.startsWith("google/")) continue;
        assert.deepEqual(outline(registry.getMessage(desc.typeName)), outline(desc), desc.typeName);
      }
    } finally {
      project.remove();
    }
  });

  it("lets JSON be read and written through it", () => {
    const outer = registry.getMessage("shapes.v1.Outer")!;
    const json = {
      nickName: "",
      email: "a@b",
      byName: { a: { note: "n" } },
      numbers: [1, 2],
      mood: "MOOD_GOOD",
      howMany: "7",
    };
    const bytes = toBinary(outer, fromJson(outer, json));
    assert.deepEqual(toJson(outer, fromBinary(outer, bytes)), json);
    const read = shapes.methods["hedged"]!.input.decode(bytes) as DynamicMessage;
    assert.deepEqual([read["nickName"], read["email"], read["numbers"]], ["", "a@b", [1, 2]]);
  });
});

describe("a contract that cannot be loaded", () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "meshwork-load-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function write(name: string, ...lines: readonly string[]): string {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, lines.join("\n"));
    return path;
  }

  function refused(work: () => unknown): string {
    let failure: unknown;
    try {
      work();
    } catch (error) {
      failure = error;
    }
    assert.ok(failure instanceof MeshError, String(failure));
    assert.equal(failure.code, "INVALID_ARGUMENT");
    return failure.reason;
  }

  it("says which file does not exist and where it looked", () => {
    const reason = refused(() => loadContract("nobody.proto", { includeDirs: [folder] }));
    assert.ok(reason.startsWith('proto file "nobody.proto" does not exist: looked for '), reason);
    assert.ok(reason.includes(join(folder, "nobody.proto")));
  });

  it("says that a folder is no file", () => {
    assert.match(
      refused(() => loadContract(folder)),
      /cannot be read \(EISDIR\)/,
    );
  });

  it("says which import is missing, of which file, and what to do", () => {
    const path = write("a.proto", 'syntax = "proto3";', 'import "gone/away.proto";');
    assert.equal(
      refused(() => loadContract(path, { includeDirs: [folder] })),
      `${path} imports "gone/away.proto", which is in none of ${folder}: ` +
        "name the folder that imports start from in includeDirs",
    );
  });

  it("says where the syntax is wrong", () => {
    const path = write("b.proto", 'syntax = "proto3";', "message M {", "  string = 1;", "}");
    const reason = refused(() => loadContract(path));
    assert.ok(reason.startsWith(path), reason);
    assert.match(reason, /line 3/);
  });

  it("names a type that does not exist", () => {
    const path = write("c.proto", 'syntax = "proto3";', "service S { rpc Get(Nobody) returns (Nobody); }");
    assert.match(
      refused(() => loadContract(path)),
      /c\.proto cannot be loaded: .*Nobody/,
    );
  });

  it("offers the services there are", () => {
    const contract = loadContract([greeterProto, translatorProto]);
    const reason = refused(() => contract.service("Nobody"));
    assert.match(
      reason,
      /^service "Nobody" is not declared by .*greeter\.proto.*, which declare greeter\.v1\.GreeterService, /,
    );
  });

  it("asks for the full name when two services end alike", () => {
    const one = write("x/v1/s.proto", 'syntax = "proto3";', "package x.v1;", "service Same {}");
    const two = write("y/v1/s.proto", 'syntax = "proto3";', "package y.v1;", "service Same {}");
    const contract = loadContract([one, two]);
    assert.match(
      refused(() => contract.service("Same")),
      /may be x\.v1\.Same, y\.v1\.Same: write the full name$/,
    );
    assert.equal(contract.service("x.v1.Same").typeName, "x.v1.Same");
  });

  it("is told of every problem at once, the same ones that fail generation", () => {
    const path = write(
      "bad/v1/bad.proto",
      'syntax = "proto3";',
      "package bad.v1;",
      'import "meshwork/v1/policy.proto";',
      "message M { string id = 1; oneof o { string a = 2; } }",
      "service BadService {",
      '  option (.meshwork.v1.service) = {name: "Not A Name" colour: "blue" balancing: 7};',
      "  rpc Buy(M) returns (M) { option (meshwork.v1.policy) = {deadline: {} retry: {max_attempts: 1}}; }",
      '  rpc Sell(M) returns (M) { option (meshwork.v1.policy).hash_key = "a"; }',
      "  rpc sell(M) returns (M) { option (meshwork.v1.policy) = {deadlin: {seconds: 1}}; }",
      "}",
    );
    const reason = refused(() => loadContract(path));
    for (const problem of [
      'bad.v1.BadService: name "Not A Name" is not a DNS label',
      "bad.v1.BadService: balancing is 7: write a text",
      "bad.v1.BadService: colour is not a field of the option",
      "bad.v1.BadService.Buy: deadline is 0 ms",
      "bad.v1.BadService.Buy: retry.max_attempts is 1",
      "bad.v1.BadService.Buy: retry may send a call twice",
      'bad.v1.BadService.Sell: hash_key "a": "a" is in a oneof',
      "bad.v1.BadService.sell: deadlin is not a field of the option",
      'bad.v1.BadService.sell: its name in JavaScript is "sell", which is Sell\'s already',
    ]) {
      assert.ok(reason.includes(`\n  ${problem}`), `${problem}\nis not in\n${reason}`);
    }
  });

  it("understands the option's name as its own package sees it", () => {
    const path = write(
      "meshwork/v1/own.proto",
      'syntax = "proto3";',
      "package meshwork.own;",
      'import "meshwork/v1/policy.proto";',
      "message M {}",
      "service Own { rpc Get(M) returns (M) { option (v1.policy).deadline = {seconds: 3}; } }",
    );
    assert.equal(loadContract(path).service("Own").methods["get"]?.policy.deadlineMs, 3_000);
  });
});

/** What matters of a message on the wire and in JSON. */
function outline(message: DescMessage | undefined): unknown {
  assert.ok(message);
  return message.fields.map((field) => ({
    name: field.name,
    number: field.number,
    json: field.jsonName,
    kind: field.fieldKind,
    presence: field.presence,
    type: field.message?.typeName ?? field.enum?.typeName ?? ("scalar" in field ? field.scalar : undefined),
    oneof: field.oneof?.name,
    packed: "packed" in field ? field.packed : undefined,
    delimited: "delimitedEncoding" in field ? field.delimitedEncoding : undefined,
    initial: field.proto.defaultValue,
  }));
}
