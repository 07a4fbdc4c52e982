import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { after, before, describe, it } from "mocha";
import type { MethodDefinition, ServiceDefinition } from "../../sdk/src/contract/definition.ts";
import { Project } from "../fixtures/codegen/project.ts";

type Module = Readonly<Record<string, ServiceDefinition>>;

describe("buf generate with protoc-gen-mesh", () => {
  let project: Project;

  before(() => {
    project = new Project();
    project.addFixtures();
    assert.deepEqual(project.generate(), { status: 0, output: "" });
  });
  after(() => project.remove());

  async function load(file: string): Promise<Module> {
    return (await import(pathToFileURL(project.path(`gen/${file}`)).href)) as Module;
  }

  async function shapesMethod(key: string): Promise<MethodDefinition> {
    const { ShapesService } = await load("shapes/v1/shapes.mesh.ts");
    assert.ok(Object.hasOwn(ShapesService!.methods, key), key);
    return ShapesService!.methods[key]!;
  }

  it("writes code that compiles at its strictest and types calls and handlers", () => {
    assert.deepEqual(project.typecheck(), { status: 0, output: "" });
  });

  it("writes one file per proto file with services, and one schema", () => {
    const files = readdirSync(project.path("gen"), { recursive: true, encoding: "utf8" });
    assert.deepEqual(files.filter((file) => file.endsWith(".mesh.ts")).toSorted(), [
      "legacy/legacy.mesh.ts",
      "modern/v1/modern.mesh.ts",
      "other/v1/other.mesh.ts",
      "schema.mesh.ts",
      "shapes/v1/shapes.mesh.ts",
    ]);
  });

  it("exports a definition per service and nothing that a comment smuggled in", async () => {
    assert.deepEqual(Object.keys(await load("shapes/v1/shapes.mesh.ts")).toSorted(), [
      "DeepPartial",
      "ShapesService",
      "class$",
    ]);
  });

  it("names services as contracts say", async () => {
    const shapes = await load("shapes/v1/shapes.mesh.ts");
    const { Orders } = await load("legacy/legacy.mesh.ts");
    const names = [shapes["ShapesService"]!, shapes["class$"]!, shapes["DeepPartial"]!, Orders!];
    assert.deepEqual(
      names.map(({ typeName, meshName }) => [typeName, meshName]),
      [
        ["shapes.v1.ShapesService", "all-shapes"],
        ["shapes.v1.class", "class"],
        ["shapes.v1.DeepPartial", "deep-partial"],
        ["legacy.Orders", "orders"],
      ],
    );
  });

  it("tells the four kinds of calls apart", async () => {
    const { ShapesService } = await load("shapes/v1/shapes.mesh.ts");
    const kinds = Object.entries(ShapesService!.methods).map(([key, { kind }]) => [key, kind]);
    assert.deepEqual(kinds.slice(0, 4), [
      ["unary", "unary"],
      ["down", "serverStreaming"],
      ["up", "clientStreaming"],
      ["both", "bidiStreaming"],
    ]);
  });

  it("keeps methods apart from the members that every object has", async () => {
    const { ShapesService } = await load("shapes/v1/shapes.mesh.ts");
    const names = Object.entries(ShapesService!.methods).map(([key, { name, path }]) => [key, name, path]);
    assert.deepEqual(names.slice(5), [
      ["constructor$", "Constructor", "/shapes.v1.ShapesService/Constructor"],
      ["toString$", "ToString", "/shapes.v1.ShapesService/ToString"],
      ["then$", "Then", "/shapes.v1.ShapesService/Then"],
      ["delete", "delete", "/shapes.v1.ShapesService/delete"],
      ["proto", "__proto__", "/shapes.v1.ShapesService/__proto__"],
      ["snakeCase2", "snake_case_2", "/shapes.v1.ShapesService/snake_case_2"],
    ]);
  });

  it("bakes policies in, with JavaScript's names for fields", async () => {
    assert.deepEqual((await shapesMethod("unary")).policy, {
      idempotency: "NO_SIDE_EFFECTS",
      deadlineMs: 250,
      retry: {
        maxAttempts: 5,
        initialBackoffMs: 5,
        maxBackoffMs: 1_000,
        backoffMultiplier: 2,
        retryableStatusCodes: ["UNAVAILABLE", "ABORTED"],
      },
      hashKey: "userInfo.userId",
      criticality: "SHEDDABLE",
      balancing: "maglev",
    });
    assert.deepEqual((await shapesMethod("hedged")).policy, {
      idempotency: "IDEMPOTENT",
      hedging: { maxAttempts: 2, delayMs: 30, nonFatalStatusCodes: ["UNAVAILABLE"] },
      balancing: "least_request",
    });
    assert.deepEqual((await shapesMethod("down")).policy, {
      idempotency: "IDEMPOTENCY_UNKNOWN",
      balancing: "least_request",
    });
  });

  it("joins each method with the codecs of its messages: nested, imported, well-known, and of one name", async () => {
    const unary = await shapesMethod("unary");
    const request = unary.input.fromPartial({ userInfo: { userId: "7" } });
    const read = unary.input.decode(unary.input.encode(request).finish());
    assert.deepEqual(read, { userInfo: { userId: "7" }, note: "" });

    const up = await shapesMethod("up");
    const both = await shapesMethod("both");
    assert.deepEqual(up.input.fromPartial({}), { number: 0 });
    assert.deepEqual(both.input.fromPartial({}), { text: "" });
    assert.deepEqual(both.output.fromPartial({ value: "x" }), { value: "x" });
    const down = await shapesMethod("down");
    assert.deepEqual(down.output.fromPartial({}), { seconds: 0n, nanos: 0 });
  });

  it("marks what is deprecated", async () => {
    assert.equal((await shapesMethod("up")).deprecated, true);
    assert.ok(!("deprecated" in (await shapesMethod("down"))));
    const text = project.read("gen/shapes/v1/shapes.mesh.ts");
    assert.match(text, /\* one out\.\n {3}\* @deprecated\n {3}\*\/\n {2}up\(/);
    assert.match(text, /\/\*\*\n \* @deprecated\n \*\/\nexport const DeepPartial:/);
  });

  it("carries comments over", () => {
    const text = project.read("gen/shapes/v1/shapes.mesh.ts");
    assert.equal(text.split("/** One in, one out. */").length - 1, 2, "client and handlers");
    assert.ok(text.includes("early *\\/ export const injected"));
    assert.ok(text.includes(" *   keeps its indentation, `backticks` and ${templates}\n"));
  });

  it("gives reflection every file, imported ones first, without comments", async () => {
    const { Orders } = await load("legacy/legacy.mesh.ts");
    const { ShapesService } = await load("shapes/v1/shapes.mesh.ts");
    assert.equal(ShapesService!.schema?.file, "shapes/v1/shapes.proto");
    assert.equal(ShapesService!.schema?.descriptorSet(), Orders!.schema?.descriptorSet(), "one schema, decoded once");
    const set = fromBinary(FileDescriptorSetSchema, ShapesService!.schema.descriptorSet());
    const seen = new Set<string>();
    for (const file of set.file) {
      for (const imported of file.dependency) assert.ok(seen.has(imported), `${file.name} before ${imported}`);
      assert.equal(file.sourceCodeInfo, undefined);
      seen.add(file.name);
    }
    const registry = createFileRegistry(set);
    for (const name of [
      "shapes.v1.ShapesService",
      "other.v1.OtherService",
      "legacy.Orders",
      "modern.v1.ThingService",
    ]) {
      assert.ok(registry.getService(name), name);
    }
    assert.ok(registry.getMessage("google.protobuf.Empty"));
  });

  it("writes the same bytes again", () => {
    const before = project.read("gen/schema.mesh.ts") + project.read("gen/shapes/v1/shapes.mesh.ts");
    assert.equal(project.generate().status, 0);
    assert.equal(project.read("gen/schema.mesh.ts") + project.read("gen/shapes/v1/shapes.mesh.ts"), before);
  });
});

describe("protoc-gen-mesh's options", () => {
  let project: Project;

  before(() => {
    project = new Project();
    project.addFixtures();
  });
  after(() => project.remove());

  it("change what imports end with", () => {
    assert.equal(project.generate(["importSuffix=.js"], ".js").status, 0);
    const text = project.read("gen/shapes/v1/shapes.mesh.ts");
    assert.match(text, /from "\.\.\/\.\.\/other\/v1\/other\.js";/);
    assert.match(text, /from "\.\.\/\.\.\/schema\.mesh\.js";/);
    assert.ok(existsSync(project.path("gen/schema.mesh.ts")));
  });

  it("take messages from another module", () => {
    assert.equal(project.generate(["Mother/v1/other.proto=@acme/other"]).status, 0);
    assert.match(project.read("gen/shapes/v1/shapes.mesh.ts"), /import \{.*Promise as .*\} from "@acme\/other";/);
  });

  for (const option of ["importSufix=.js", "importSuffix=.mjs", "verbose", "M=x"]) {
    it(`refuse ${option}, listing those that are known`, () => {
      const { status, output } = project.generate([option]);
      assert.notEqual(status, 0);
      assert.ok(output.includes(`option "${option}" is not known`), output);
      assert.match(output, /importSuffix=\.ts \(default\).*\n.*M<file\.proto>=<module>/);
    });
  }
});

describe("a contract that asks for nonsense", () => {
  const HEAD = [
    'syntax = "proto3";',
    "package bad.v1;",
    'import "meshwork/v1/policy.proto";',
    "message M { string id = 1; }",
  ];

  function generate(...lines: readonly string[]): { status: number | null; output: string } {
    const project = new Project();
    try {
      project.write("proto/bad/v1/bad.proto", [...HEAD, ...lines].join("\n"));
      const run = project.generate();
      assert.ok(!existsSync(project.path("gen/bad/v1/bad.mesh.ts")), "nothing of ours is written");
      return run;
    } finally {
      project.remove();
    }
  }

  it("fails buf with file, line, method and the way out", () => {
    const { status, output } = generate(
      "service BadService {",
      "  rpc Buy(M) returns (M) {",
      "    option (meshwork.v1.policy).retry = {};",
      "  }",
      "}",
    );
    assert.notEqual(status, 0);
    assert.match(
      output,
      /bad\/v1\/bad\.proto:7:\d+: bad\.v1\.BadService\.Buy: retry may send a call twice, so the method needs/,
    );
  });

  it("is told of every problem at once", () => {
    const { status, output } = generate(
      "service BadService {",
      '  option (meshwork.v1.service).name = "Not A Name";',
      "  rpc Buy(M) returns (M) { option (meshwork.v1.policy) = {deadline: {} retry: {max_attempts: 1}}; }",
      '  rpc Sell(M) returns (M) { option (meshwork.v1.policy).hash_key = "nobody"; }',
      "  rpc sell(M) returns (M);",
      "}",
    );
    assert.notEqual(status, 0);
    for (const problem of [
      /: 6 problems\n/,
      /bad\.proto:6:\d+: bad\.v1\.BadService: name "Not A Name" is not a DNS label/,
      /bad\.proto:7:\d+: bad\.v1\.BadService\.Buy: deadline is 0 ms/,
      /bad\.v1\.BadService\.Buy: retry\.max_attempts is 1/,
      /bad\.v1\.BadService\.Buy: retry may send a call twice/,
      /bad\.proto:8:\d+: bad\.v1\.BadService\.Sell: hash_key "nobody": bad\.v1\.M has no field "nobody"; it has "id"/,
      /bad\.proto:9:3: bad\.v1\.BadService\.sell: its name in TypeScript is "sell", which is Sell's already/,
    ]) {
      assert.match(output, problem);
    }
  });
});
