/** Compression as callers ask for it: what the transport is told of calls and of their messages. */
import assert from "node:assert/strict";
import type { CallOptions } from "../../../sdk/src/client/call-options.ts";
import { StreamCall } from "../../../sdk/src/client/stream-call.ts";
import { callUnary } from "../../../sdk/src/client/unary-call.ts";
import type { Connection } from "../../../sdk/src/transport/transport.ts";
import { CallLab } from "../../support/call-lab.ts";
import { failure } from "../../support/mesh-error.ts";

/** Writes down what a connection is told; it still does its work, unary calls by opening a stream of its own. */
function overhear(connection: Connection): string[] {
  const told: string[] = [];
  const unary = connection.unary.bind(connection);
  const open = connection.open.bind(connection);
  connection.unary = (call, body, receiver) => {
    told.push(`unary ${call.encoding}`);
    return unary(call, body, receiver);
  };
  connection.open = (call, receiver) => {
    told.push(`stream ${call.encoding}`);
    const stream = open(call, receiver);
    const send = stream.send.bind(stream);
    stream.send = (body, encoding) => {
      told.push(`${Buffer.from(body).toString()} ${encoding ?? "as the call"}`);
      return send(body, encoding);
    };
    return stream;
  };
  return told;
}

async function lab(): Promise<{ lab: CallLab; told: string[] }> {
  const made = await CallLab.with(["a"]);
  return { lab: made.lab, told: overhear(made.lab.channel.connectionOf(made.lab.channel.endpoints[0]!)!) };
}

const unary = (told: readonly string[]) => told.filter((one) => one.startsWith("unary"));
const long = (text: string): "gzip" | "identity" => (text.length > 3 ? "gzip" : "identity");

describe("compression of requests", () => {
  it("is none unless the call asks for it", async () => {
    const { lab: one, told } = await lab();
    for (const options of [undefined, {}, { compression: "identity" }, { compression: "gzip" }] as CallOptions[]) {
      void callUnary(one.method("Ask"), "who?", options).catch(() => {});
    }
    assert.deepEqual(unary(told), ["unary identity", "unary identity", "unary identity", "unary gzip"]);
  });

  it("is what a function says of the one request of a unary call", async () => {
    const { lab: one, told } = await lab();
    for (const text of ["who?", "why"]) {
      void callUnary(one.method("Ask"), text, { compression: long }).catch(() => {});
    }
    assert.deepEqual(unary(told), ["unary gzip", "unary identity"]);
  });

  it("is announced by a stream whose requests decide, and each says its own, again on another attempt", async () => {
    const { lab: one, told } = await lab();
    one.transport.refuseCalls({ host: "a", port: 1 }, 1);
    new StreamCall(one.method("Chat"), ["who?", "why"], { compression: long }).start();
    await one.settle();
    assert.deepEqual(told.slice(-3), ["stream gzip", "who? gzip", "why identity"]);
    assert.ok(told.length > 3);
  });

  it("that is none of the two is refused before anything is sent", async () => {
    const { lab: one, told } = await lab();
    const wrong = (compression: unknown) => failure(callUnary(one.method("Ask"), "x", { compression } as CallOptions));
    const named = await wrong("br");
    assert.equal(named.code, "INVALID_ARGUMENT");
    assert.match(named.reason, /^compression is br: give "gzip", "identity", or a function/);
    assert.match((await wrong(() => "deflate")).reason, /compression function returned deflate: give/);
    const thrown = await wrong(() => {
      throw new Error("oh");
    });
    assert.equal(thrown.code, "INTERNAL");
    assert.match(thrown.reason, /the call's own compression function threw/);
    assert.deepEqual(told, []);
    one.assertQuiet();
  });
});

describe("the memory of a request", () => {
  it("is not read after the call was made: a call that waits, or is sent again, writes its request again", async () => {
    const retry = {
      maxAttempts: 2,
      initialBackoffMs: 10,
      maxBackoffMs: 10,
      backoffMultiplier: 1,
      retryableStatusCodes: ["UNAVAILABLE" as const],
    };
    const one = new CallLab();
    const peer = await one.serve("a");
    const scratch = Buffer.alloc(64);
    const method = one.method("Ask", { retry });
    const shared = { ...method.definition.input };
    // As an encoder may that writes one message after the other into the same memory.
    shared.encode = (text) => ({ finish: () => scratch.subarray(0, scratch.write(String(text))) });
    Object.assign(method.definition, { input: shared });
    const answer = callUnary(method, "who?");
    scratch.fill("x");
    one.directory.publish({
      endpoints: [{ id: "a", address: { host: "a", port: 1 }, weight: 1, metadata: {} }],
      freshness: "live",
    });
    await one.settle();
    scratch.fill("y");
    peer.calls[0]!.fail("UNAVAILABLE");
    await one.settle();
    one.clock.advance(10);
    await one.settle();
    assert.deepEqual(
      peer.calls.map(({ received }) => received),
      [["who?"], ["who?"]],
    );
    peer.calls[1]!.answer("Ada");
    await one.settle();
    assert.equal(await answer, "Ada");
  });
});
