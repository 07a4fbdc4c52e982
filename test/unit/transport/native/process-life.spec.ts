/** When a process may end by itself that has a native client. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Dispatch, UnaryRespond } from "../../../../sdk/src/transport/transport.ts";
import { Inbox } from "../../../support/inbox.ts";
import { NativeServerLab } from "../../../support/native-lab.ts";
import { OK, unaryMethod } from "../../../support/transport-lab.ts";

const FIXTURE = "test/fixtures/native-client-process.ts";

describe("a process with a native client", () => {
  const held = new Inbox<UnaryRespond>();
  const dispatch: Dispatch = new Map([
    unaryMethod("Echo", (_call, body, respond) => respond(OK, body)),
    unaryMethod("Hold", (_call, _body, respond) => held.put(respond)),
  ]);
  let server: NativeServerLab;
  before(async () => (server = await NativeServerLab.listen(dispatch)));
  after(() => server.listener.drain(0));

  function start(what: "idle" | "call") {
    const node = ["--conditions=meshwork-source", "--import", "tsx", FIXTURE];
    const child = spawn(process.execPath, [...node, String(server.listener.address.port), what]);
    const lines = new Inbox<string>();
    createInterface(child.stdout).on("line", (line) => lines.put(line));
    return { child, lines, ended: once(child, "exit") };
  }

  it("ends by itself when it has nothing else to do", async () => {
    const { lines, ended } = start("idle");
    assert.equal(await lines.next(), "idle");
    assert.equal(await lines.next(), "end");
    assert.deepEqual(await ended, [0, null]);
  });

  it("does not while a call is open, from the moment it is made", async () => {
    const { child, lines, ended } = start("call");
    const respond = await Promise.race([
      held.next(),
      ended.then(() => assert.fail("it ended before its call arrived")),
    ]);
    assert.equal(child.exitCode, null);
    respond(OK, Buffer.alloc(0));
    assert.equal(await lines.next(), "status 0");
    assert.equal(await lines.next(), "end");
    assert.deepEqual(await ended, [0, null]);
  });
});
