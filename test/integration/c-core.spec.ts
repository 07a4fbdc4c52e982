/** gRPC's C-core, as Debian's python3-grpcio, before and behind the native transport. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { nativeTransport } from "../../sdk/src/transport/native/native-transport.ts";
import { DEFAULT_LIMITS, type Listener } from "../../sdk/src/transport/transport.ts";
import { carriesCalls } from "../support/lab-calls.ts";
import { FAILURE, LabService } from "../support/lab-service.ts";
import { notRun } from "../support/not-run.ts";
import { findProgram, Program } from "../support/program.ts";
import { Connected } from "../support/transport-lab.ts";

const run = promisify(execFile);
const LAB = "test/peers/python/lab.py";
const LONG_BYTES = 512 * 1024;
const CLIENT_WITHIN_MS = 60_000;

/** Debian's own Python has Debian's packages, whichever other comes first on PATH. */
function findPython(): string | undefined {
  return ["/usr/bin/python3", findProgram("python3")].find(
    (path) => path !== undefined && spawnSync(path, ["-c", "import grpc"]).status === 0,
  );
}

describe("C-core", () => {
  const python = findPython();
  if (python === undefined) {
    it("is not run", () =>
      notRun("C-core before and behind the native transport", "python-grpcio", "install python3-grpcio"));
    return;
  }

  describe("as a server answers a native client's calls:", () => {
    let server: Program;
    let client: Connected;
    before(async () => {
      server = new Program(python, [LAB, "serve"]);
      const [port] = (await once(server.child.stdout!, "data")) as [Buffer];
      client = new Connected(nativeTransport(), { host: "127.0.0.1", port: Number(port.toString()) }, systemClock);
      await client.reached("ready");
    });
    after(async () => {
      client?.connection.close();
      await server?.stop();
    });

    carriesCalls(() => client, { longBytes: LONG_BYTES, countsCompressed: true });
  });

  describe("as a client calls a native server", () => {
    const service = new LabService();
    let listener: Listener;
    let seen: Record<string, unknown>;
    before(async function () {
      this.timeout(CLIENT_WITHIN_MS);
      const options = { address: { host: "127.0.0.1", port: 0 }, limits: DEFAULT_LIMITS, clock: systemClock };
      listener = await nativeTransport().listen(options, service.dispatch);
      const address = `127.0.0.1:${listener.address.port}`;
      const { stdout } = await run(python, [LAB, "call", address], { timeout: CLIENT_WITHIN_MS });
      seen = JSON.parse(stdout) as Record<string, unknown>;
    });
    after(() => listener?.drain(1_000));

    it("with metadata and trailers both ways", () => {
      const raw = [0, 255, 44, 10];
      const wanted = { "head-text": "some text", "head-raw-bin": raw, "trail-text": "some text", "trail-raw-bin": raw };
      const got = seen["metadata"] as Record<string, unknown>;
      for (const [key, value] of Object.entries(wanted)) assert.deepEqual(got[key], value, key);
    });

    const cases: readonly (readonly [string, string, unknown])[] = [
      ["whose answer is a stream", "server_stream", [20, 20_000]],
      ["whose request is a stream", "client_stream", "20 20000"],
      ["as a conversation", "conversation", ["one", "two", "three"]],
      ["that fails", "failure", ["NOT_FOUND", FAILURE, "empty"]],
      ["that it does not have", "missing", "UNIMPLEMENTED"],
      ["that it cancels", "cancelling", "CANCELLED"],
      [`with messages of ${LONG_BYTES} bytes`, "long_messages", [true, [20, 20 * LONG_BYTES], `20 ${20 * LONG_BYTES}`]],
      ["a hundred times at once", "several", 100],
      ["a thousand times one after the other", "sequence", 1000],
    ];
    for (const [title, name, wanted] of cases) it(title, () => assert.deepEqual(seen[name], wanted));

    it("with a deadline that passes", () => {
      const [status, atServer] = seen["deadline"] as [string, string];
      assert.equal(status, "DEADLINE_EXCEEDED");
      assert.match(atServer, /^(?:DEADLINE_EXCEEDED|CANCELLED)$/);
    });

    it("with messages that are compressed", () => {
      assert.equal(seen["compressed"], true);
      assert.ok(service.echoedWireBytes < 1_000, `${service.echoedWireBytes} bytes came`);
      assert.ok(service.answeredWireBytes < 1_000, `${service.answeredWireBytes} bytes went`);
    });
  });
});
