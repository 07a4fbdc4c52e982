/** Signals end a process the way orchestrators expect: in processes of their own, since a signal is the process's. */
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createMesh } from "@meshwork/sdk";
import { GreeterService } from "../../../services/gen/greeter/v1/greeter.mesh.ts";
import { closeOnSignals } from "../../../sdk/src/signals.ts";
import { ALONE } from "../../support/greeter-mesh.ts";
import { recordedLog } from "../../support/logs.ts";
import { Inbox } from "../../support/inbox.ts";

const PROGRAM = fileURLToPath(new URL("../../fixtures/signalled-server.ts", import.meta.url));

class Program {
  readonly child: ChildProcessWithoutNullStreams = spawn(process.execPath, [
    "--conditions=meshwork-source",
    "--import=tsx",
    PROGRAM,
  ]);
  readonly exited = once(this.child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  readonly #lines = new Inbox<string>();

  constructor() {
    createInterface(this.child.stdout).on("line", (line) => this.#lines.put(line));
    this.child.stderr.pipe(process.stderr);
  }

  /** The next line that holds a text. */
  async says(text: string): Promise<string> {
    for (;;) {
      const line = await this.#lines.next();
      if (line.includes(text)) return line;
    }
  }
}

describe("a process with a server", function () {
  this.timeout(30_000);
  let program: Program;
  beforeEach(() => {
    program = new Program();
  });
  afterEach(() => {
    program.child.kill("SIGKILL");
  });

  /** Waits for the server and has it hold a call. */
  async function holdACall() {
    const port = (await program.says("at ")).replace(/^at /, "");
    const mesh = createMesh({ ...ALONE, log: recordedLog().log });
    const call = mesh.client(GreeterService, { target: `static:///127.0.0.1:${port}` }).sayHello({ name: "Ada" });
    await program.says("held");
    return { mesh, call };
  }

  it("finishes its calls on SIGTERM and ends with 0", async () => {
    const { mesh, call } = await holdACall();
    program.child.kill("SIGTERM");
    await program.says("server is draining");
    program.child.stdin.write("go");
    assert.equal((await call).message, "Ada, in time");
    await mesh.close();
    assert.deepEqual(await program.exited, [0, null]);
  });

  it("ends at once on a second signal", async () => {
    const { mesh, call } = await holdACall();
    const failed = assert.rejects(call, { code: "UNAVAILABLE" });
    program.child.kill("SIGINT");
    await program.says("server is draining");
    program.child.kill("SIGINT");
    assert.deepEqual(await program.exited, [null, "SIGINT"]);
    await failed;
    await mesh.close();
  });
});

describe("closing on signals", () => {
  it("leaves no listener once it is taken off", () => {
    const count = (): number => process.listenerCount("SIGTERM") + process.listenerCount("SIGINT");
    const before = count();
    const stop = closeOnSignals(async () => assert.fail("was closed"), recordedLog().log);
    assert.equal(count(), before + 2);
    stop();
    stop();
    assert.equal(count(), before);
  });
});
