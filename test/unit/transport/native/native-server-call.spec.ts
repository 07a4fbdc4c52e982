import assert from "node:assert/strict";
import { once } from "node:events";
import { STATUS_NUMBERS } from "../../../../sdk/src/call/status.ts";
import type { Dispatch } from "../../../../sdk/src/transport/transport.ts";
import { NativeServerLab, RawClient } from "../../../support/native-lab.ts";
import { OK, unaryMethod } from "../../../support/transport-lab.ts";

/** A message of ten bytes of which five come. */
const HALF_A_MESSAGE = Buffer.from([0, 0, 0, 0, 10, 1, 2, 3, 4, 5]);

describe("a call at a native server whose message does not come", () => {
  let handled = 0;
  const dispatch: Dispatch = new Map([
    unaryMethod("Echo", (_call, body, respond) => {
      handled++;
      respond(OK, body);
    }),
  ]);
  let server: NativeServerLab;
  let client: RawClient;
  beforeEach(async () => {
    handled = 0;
    server = await NativeServerLab.listen(dispatch);
    client = await RawClient.connect(server.listener.address.port);
  });
  afterEach(async () => {
    await client.close();
    await server.listener.drain(0);
  });

  it("is over when its caller cancels it", async () => {
    for (const sent of [Buffer.alloc(0), HALF_A_MESSAGE]) {
      const stream = client.request("Echo", { "grpc-timeout": "1H" });
      if (sent.length > 0) stream.write(sent);
      await client.ping();
      const [session] = server.sessions;
      assert.equal(session?.http2.streams, 1);
      assert.equal(server.environment.wheel.size, 1);
      // close() would send END_STREAM first.
      stream.destroy(new Error("reset"));
      await client.ping();
      assert.equal(session?.http2.streams, 0);
      assert.equal(session?.http2.orphans, 0);
      assert.equal(server.environment.wheel.size, 0);
    }
    assert.equal(handled, 0);
  });

  it("ends at its deadline", async () => {
    const stream = client.request("Echo", { "grpc-timeout": "20m" });
    stream.write(HALF_A_MESSAGE);
    const [headers] = (await once(stream, "response")) as [Record<string, string>];
    assert.equal(headers["grpc-status"], String(STATUS_NUMBERS.DEADLINE_EXCEEDED));
    await client.ping();
    assert.equal(server.sessions[0]?.http2.streams, 0);
    assert.equal(handled, 0);
  });

  it("is told when the server stops", async () => {
    const stream = client.request("Echo");
    stream.write(HALF_A_MESSAGE);
    await client.ping();
    const answered = once(stream, "response") as Promise<[Record<string, string>]>;
    await server.listener.drain(0);
    assert.equal((await answered)[0]["grpc-status"], String(STATUS_NUMBERS.UNAVAILABLE));
  });
});
