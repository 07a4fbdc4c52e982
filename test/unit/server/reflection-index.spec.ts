import assert from "node:assert/strict";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { reflectionIndex } from "../../../sdk/src/server/reflection-index.ts";
import { Health } from "../../../sdk/src/server/health-service.ts";
import { GreeterService } from "../../../services/gen/greeter/v1/greeter.mesh.ts";
import { TranslatorService } from "../../../services/gen/translator/v1/translator.mesh.ts";

const index = reflectionIndex([GreeterService, TranslatorService, Health]);

function names(files: readonly Uint8Array[] | undefined): string[] | undefined {
  return files?.map((file) => fromBinary(FileDescriptorProtoSchema, file).name);
}

describe("the reflection index", () => {
  it("lists the services whose contracts carry a schema", () => {
    assert.deepEqual(index.services, ["greeter.v1.GreeterService", "translator.v1.TranslatorService"]);
  });

  it("gives a file with all that it imports, each once", () => {
    const files = names(index.file("greeter/v1/greeter.proto"));
    assert.equal(files?.[0], "greeter/v1/greeter.proto");
    assert.ok(files.includes("meshwork/v1/policy.proto"));
    assert.ok(files.includes("google/protobuf/descriptor.proto"));
    assert.equal(new Set(files).size, files.length);
  });

  it("finds the file of a message, a service, a method and an extension", () => {
    for (const symbol of [
      "greeter.v1.SayHelloRequest",
      "greeter.v1.GreeterService",
      "greeter.v1.GreeterService.SayHello",
    ]) {
      assert.equal(names(index.symbol(symbol))?.[0], "greeter/v1/greeter.proto", symbol);
    }
    assert.equal(names(index.symbol("meshwork.v1.policy"))?.[0], "meshwork/v1/policy.proto");
  });

  it("finds extensions by number, and the numbers of a type", () => {
    const numbers = index.extensionNumbers("google.protobuf.MethodOptions");
    assert.ok(numbers !== undefined && numbers.length > 0);
    assert.equal(new Set(numbers).size, numbers.length);
    assert.equal(names(index.extension("google.protobuf.MethodOptions", numbers[0]!))?.[0], "meshwork/v1/policy.proto");
    assert.deepEqual(index.extensionNumbers("greeter.v1.SayHelloRequest"), []);
  });

  it("knows nothing of what is not there", () => {
    assert.equal(index.file("other.proto"), undefined);
    for (const symbol of ["other.v1.Other", "nothing", "", ".", "greeter.v1"]) {
      assert.equal(index.symbol(symbol), undefined, symbol);
    }
    assert.equal(index.symbol("greeter.v1.GreeterService.Missing"), undefined);
    assert.equal(index.symbol("greeter.v1.SayHelloRequest.missing"), undefined);
    assert.equal(index.extension("google.protobuf.MethodOptions", 1), undefined);
    assert.equal(index.extension("other.Type", 1), undefined);
    assert.equal(index.extensionNumbers("other.Type"), undefined);
  });

  it("is empty without schemas", () => {
    const empty = reflectionIndex([Health]);
    assert.deepEqual(empty.services, []);
    assert.equal(empty.symbol("grpc.health.v1.Health"), undefined);
  });
});
