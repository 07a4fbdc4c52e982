import assert from "node:assert/strict";
import { clone } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { jsonName } from "../../../../cli/src/contract/json-names.ts";
import { linkFiles, missingImports } from "../../../../cli/src/contract/link-files.ts";
import { sampleFiles } from "./contracts.ts";

describe("files that a server describes", () => {
  it("are linked whatever their order", () => {
    const files = new Map([...sampleFiles()].reverse());
    assert.ok(linkFiles(files).getService("greeter.v1.GreeterService"));
    assert.deepEqual(missingImports(files), []);
  });

  it("do without Google's own files and without those that only declare options", () => {
    const name = "greeter/v1/greeter.proto";
    const files = new Map([[name, sampleFiles().get(name)!]]);
    assert.deepEqual(missingImports(files), ["meshwork/v1/policy.proto"]);
    assert.equal(linkFiles(files).getService("greeter.v1.GreeterService")?.methods.length, 4);
  });

  it("cannot do without the types of their fields", () => {
    const lost = clone(FileDescriptorProtoSchema, sampleFiles().get("meshwork/v1/policy.proto")!);
    lost.messageType = lost.messageType.filter(({ name }) => name !== "RetryPolicy");
    assert.throws(() => linkFiles(new Map([[lost.name, lost]])), /RetryPolicy/);
  });

  it("get the JSON names that servers in C++ and Python leave out, as protoc makes them", () => {
    const named: string[] = [];
    const files = new Map<string, FileDescriptorProto>();
    for (const [name, file] of sampleFiles()) {
      const bare = clone(FileDescriptorProtoSchema, file);
      for (const message of bare.messageType) {
        for (const field of message.field) {
          named.push(`${message.name} ${field.jsonName}`);
          field.jsonName = "";
        }
      }
      files.set(name, bare);
    }
    const messages = [...linkFiles(files).files].flatMap((file) => file.messages);
    const filled = new Set(
      messages.flatMap((message) => message.fields.map((field) => `${message.name} ${field.jsonName}`)),
    );
    for (const name of named) assert.ok(filled.has(name), name);
    assert.deepEqual(["user_id", "a__b", "_x", "x_1y", "trailing_"].map(jsonName), [
      "userId",
      "aB",
      "X",
      "x1y",
      "trailing",
    ]);
  });
});
