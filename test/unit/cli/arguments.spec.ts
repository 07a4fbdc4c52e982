import assert from "node:assert/strict";
import {
  parseDuration,
  parseMetadata,
  parseMethodName,
  parsePort,
  parseTargetOption,
} from "../../../cli/src/arguments.ts";
import { splitWords } from "../../../cli/src/call/call-action.ts";
import { UsageError } from "../../../cli/src/failures.ts";

describe("the words of a command line", () => {
  it("name a method with a slash or as two words, the request behind", () => {
    const name = { service: "greeter", method: "SayHello" };
    assert.deepEqual(splitWords(["greeter/SayHello", "{}"]), { name, request: "{}" });
    assert.deepEqual(splitWords(["greeter", "SayHello", "{}"]), { name, request: "{}" });
    assert.deepEqual(splitWords(["greeter", "SayHello"]), { name, request: undefined });
    assert.deepEqual(splitWords(["greeter", "{}"]), { name: { service: "greeter", method: undefined }, request: "{}" });
    assert.deepEqual(parseMethodName("/greeter/SayHello"), name);
  });

  it("are refused when there are too many or the method has no form", () => {
    assert.throws(() => splitWords(["greeter/SayHello", "{name:", "Ada}"]), /"Ada}" is one word too many: quote/);
    for (const wrong of ["", "/", "a/b/c"]) assert.throws(() => parseMethodName(wrong), UsageError);
  });
});

describe("--target", () => {
  it("takes addresses as they are and every target of the SDK", () => {
    assert.equal(parseTargetOption("127.0.0.1:50051"), "static:///127.0.0.1:50051");
    assert.equal(parseTargetOption("[::1]:1,b:2"), "static:///[::1]:1,b:2");
    assert.equal(parseTargetOption("dns:///shop.internal:443"), "dns:///shop.internal:443");
    assert.equal(parseTargetOption("greeter"), "consul:///greeter");
  });

  it("refuses others with the SDK's advice", () => {
    assert.throws(
      () => parseTargetOption("http://localhost:1/"),
      (error: Error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, /scheme "http", which no directory answers/);
        return true;
      },
    );
    assert.throws(() => parseTargetOption("127.0.0.1:0"), /port 0/);
  });
});

describe("--timeout", () => {
  it("reads milliseconds, seconds and minutes", () => {
    assert.deepEqual(["500ms", "2s", "1.5s", "1m"].map(parseDuration), [500, 2_000, 1_500, 60_000]);
  });

  it("refuses what is no positive time that a timer can wait", () => {
    for (const wrong of ["", "2", "0s", "-1s", "1h", "s", "99999999m"])
      assert.throws(() => parseDuration(wrong), UsageError);
  });
});

describe("--metadata", () => {
  it("keeps every value of a key and decodes base64 for -bin", () => {
    const metadata = parseMetadata(["X-User: ada", "x-user:grace", "sum-bin:AP8=", "empty:", "url: http://a"]);
    assert.deepEqual(metadata.getAll("x-user"), ["ada", "grace"]);
    assert.deepEqual([...(metadata.getBinary("sum-bin") ?? [])], [0, 255]);
    assert.deepEqual([metadata.get("empty"), metadata.get("url")], ["", "http://a"]);
  });

  it("refuses what gRPC cannot carry", () => {
    for (const wrong of ["x-user", ": a", "a b: c", "x-user: ä", "sum-bin: $"]) {
      assert.throws(() => parseMetadata([wrong]), UsageError, wrong);
    }
  });
});

describe("--port", () => {
  it("takes 0 to 65535", () => {
    assert.deepEqual(["0", "8500", "65535"].map(parsePort), [0, 8500, 65_535]);
    for (const wrong of ["", "-1", "65536", "http", "1.5"]) assert.throws(() => parsePort(wrong), UsageError);
  });
});
