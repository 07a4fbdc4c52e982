import assert from "node:assert/strict";
import { create, createFileRegistry, type Message, toJson } from "@bufbuild/protobuf";
import {
  FileDescriptorSetSchema,
  file_google_protobuf_any,
  file_google_protobuf_struct,
  ListValueSchema,
} from "@bufbuild/protobuf/wkt";
import { readRequest, readRequests, type RequestContext } from "../../../../cli/src/json/request-reader.ts";
import { writeMessage } from "../../../../cli/src/json/response-writer.ts";
import { sampleTypes, sourceOf } from "../contract/contracts.ts";

const types = sampleTypes();
const source = sourceOf(types, []);
const hello: RequestContext = { desc: types.getMessage("greeter.v1.SayHelloRequest")!, types, source };

async function all(context: RequestContext, ...pieces: string[]): Promise<unknown[]> {
  const messages: Message[] = [];
  for await (const message of readRequests(context, pieces)) messages.push(message);
  return messages.map((message) => toJson(context.desc, message));
}

describe("requests written as JSON", () => {
  it("are one for a method that takes one; no text is an empty message", async () => {
    assert.deepEqual(toJson(hello.desc, await readRequest(hello, ' {"name":"Ada"}\n')), { name: "Ada" });
    assert.deepEqual(toJson(hello.desc, await readRequest(hello, "")), {});
    await assert.rejects(readRequest(hello, "{}\n {}"), /takes one request, and a second starts at line 2, column 2/);
  });

  it("are any number for a method that takes many: in lists, in lines, in pieces", async () => {
    assert.deepEqual(await all(hello, '{"name":"a"}{"na', 'me":"b"}\n[{"name":"c"},{}]'), [
      { name: "a" },
      { name: "b" },
      { name: "c" },
      {},
    ]);
    assert.deepEqual(await all(hello, ""), []);
  });

  it("stay lists where lists are the message", async () => {
    const lists = {
      desc: ListValueSchema,
      types: createFileRegistry(file_google_protobuf_struct.proto, () => undefined),
      source,
    };
    assert.deepEqual(await all(lists, "[1,2] [3]"), [[1, 2], [3]]);
  });

  it("are refused with their number, the reason and what would fit", async () => {
    await assert.rejects(
      all(hello, '{} {"languag":"de"}'),
      /^UsageError: request 2 does not fit greeter\.v1\.SayHelloRequest: .*: it has language, name$/,
    );
    await assert.rejects(readRequest(hello, '{"name": 1}'), /SayHelloRequest\.name from JSON: expected string, got 1/);
    await assert.rejects(readRequest(hello, "[]"), /request does not fit/);
  });

  it("show the line and the place of a mistake", async () => {
    await assert.rejects(all(hello, '{}\n{"name":\n  Ada}'), (error: Error) => {
      assert.equal(
        error.message,
        'request is not JSON: expected a value, found "A" (line 3, column 3)\n    Ada}\n    ^',
      );
      return true;
    });
  });
});

describe("messages that carry others", () => {
  const holder = createFileRegistry(
    create(FileDescriptorSetSchema, {
      file: [
        file_google_protobuf_any.proto,
        {
          name: "holder.proto",
          syntax: "proto3",
          dependency: ["google/protobuf/any.proto"],
          messageType: [
            {
              name: "Holder",
              field: [
                { name: "held", jsonName: "held", number: 1, type: 11, label: 1, typeName: ".google.protobuf.Any" },
              ],
            },
          ],
        },
      ],
    }),
  );
  const context = { desc: holder.getMessage("Holder")!, types: holder, source };
  const json = '{"held":{"@type":"type.googleapis.com/greeter.v1.SayHelloRequest","name":"Ada"}}';

  it("are read and written by types that the source is asked for", async () => {
    const message = await readRequest(context, json);
    const unknown: string[] = [];
    const style = { layout: "line", fields: "set" } as const;
    const written = await writeMessage({ ...context, onUnknown: (name) => unknown.push(name) }, message, style);
    assert.deepEqual(JSON.parse(written), JSON.parse(json));
    assert.deepEqual(unknown, []);
  });

  it("show their type alone when nobody knows it", async () => {
    const message = await readRequest(context, json);
    const unknown: string[] = [];
    const deaf = {
      ...context,
      source: { typesWith: async () => undefined },
      onUnknown: (name: string) => unknown.push(name),
    };
    const written = await writeMessage(deaf, message, { layout: "line", fields: "set" });
    assert.equal(written, '{"held":{"@type":"type.googleapis.com/greeter.v1.SayHelloRequest"}}');
    assert.deepEqual(unknown, ["greeter.v1.SayHelloRequest"]);
    await assert.rejects(readRequest({ ...context, source: deaf.source }, json), /is not in the type registry/);
  });
});
