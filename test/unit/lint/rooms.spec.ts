import assert from "node:assert/strict";
import plugin from "../../../sdk/lint/rooms.js";

/** What the rule says of an import in a file. */
function complaints(filename: string, source: string): string[] {
  const messages: string[] = [];
  const visitor = plugin.rules.rooms.create({
    filename,
    report: ({ message }: { message: string }) => messages.push(message),
  }) as { ImportDeclaration?: (node: object) => void };
  visitor.ImportDeclaration?.({ source: { value: source } });
  return messages;
}

describe("the order of the rooms", () => {
  it("lets a room import from itself and from rooms before it", () => {
    assert.deepEqual(complaints("/x/sdk/src/client/call-run.ts", "./bound-method.ts"), []);
    assert.deepEqual(complaints("/x/sdk/src/client/call-run.ts", "../call/clock.ts"), []);
    assert.deepEqual(complaints("/x/sdk/src/transport/grpc-js/listener.ts", "../../call/clock.ts"), []);
    assert.deepEqual(complaints("/x/sdk/src/mesh.ts", "./server/mesh-server.ts"), []);
  });

  it("refuses an import from a room that comes later, naming both", () => {
    assert.deepEqual(complaints("/x/sdk/src/balancing/p2c.ts", "../consul/consul-http.ts"), [
      'room "balancing" may not import from "consul": rooms import only inwards',
    ]);
    assert.match(
      complaints("/x/sdk/src/server/served-call.ts", "../mesh.ts").join(),
      /"server" may not import from "mesh"/,
    );
  });

  it("asks for the place of a room that is not in the list", () => {
    assert.match(complaints("/x/sdk/src/attic/old.ts", "../call/clock.ts").join(), /"attic" is not in the list/);
  });

  it("has nothing to say outside the SDK, nor of packages", () => {
    assert.deepEqual(complaints("/x/cli/src/main.ts", "../../sdk/src/mesh.ts"), []);
    assert.deepEqual(complaints("/x/sdk/src/call/clock.ts", "node:fs"), []);
  });
});
