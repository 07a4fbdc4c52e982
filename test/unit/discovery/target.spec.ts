import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { parseAddressList, parseTarget } from "../../../sdk/src/discovery/target.ts";

describe("a target", () => {
  for (const [text, scheme, name] of [
    ["greeter", "consul", "greeter"],
    ["greeter.v2_blue-1", "consul", "greeter.v2_blue-1"],
    ["consul:///greeter", "consul", "greeter"],
    ["static:///127.0.0.1:1,[::1]:2", "static", "127.0.0.1:1,[::1]:2"],
    ["dns:///greeter.internal:50051", "dns", "greeter.internal:50051"],
    ["unix:///run/greeter.sock", "unix", "run/greeter.sock"],
  ] as const) {
    it(`${text} is ${name} in ${scheme}`, () => {
      assert.deepEqual(parseTarget(text), { scheme, name });
    });
  }

  for (const [text, wayOut] of [
    ["", "write for example greeter or consul:///greeter"],
    ["gree ter", "write for example greeter"],
    ["-greeter", "a letter or digit first"],
    ["a".repeat(129), "1 to 128 letters"],
    ["consul:///", "write for example greeter"],
    ["consul:///greeter/SayHello", "does not name a service"],
    ["consul:///greeter?tag=v1", "does not name a service"],
    ["localhost:50051", "write static:///localhost:50051, or dns:///localhost:50051"],
    ["[::1]:50051", "write static:///[::1]:50051"],
    ["consul:greeter", "three slashes"],
    ["consul:/greeter", "three slashes"],
    ["consul://greeter", "three slashes"],
    ["consul://127.0.0.1:8500/greeter", "set by CONSUL_HTTP_ADDR: write consul:///greeter"],
    ["dns://8.8.8.8/greeter:1", "write dns:///greeter:1"],
    ["static://127.0.0.1:1/", "write static:///127.0.0.1:1"],
    ["xds:///greeter", 'the scheme "xds", which no directory answers: write consul:///greeter'],
    ["static:///", "is not host:port"],
    ["static:///127.0.0.1:1,", "is not host:port"],
    ["static:///127.0.0.1:0", "has port 0"],
    ["static:///[greeter]:1", "no IPv6 address"],
    ["dns:///greeter", "is not host:port"],
    ["dns:///greeter:99999", "is not host:port"],
    ["static:///unix:/run/a.sock", "is a Unix socket: write unix:///run/a.sock"],
    ["dns:///unix:/run/a.sock", "is a Unix socket: write unix:///run/a.sock"],
    ["unix:/run/a.sock", "three slashes"],
    ["unix://run/a.sock", "write unix:///run/a.sock"],
    ["unix:///", "cannot be the path of a Unix socket"],
  ] as const) {
    it(`${JSON.stringify(text.slice(0, 40))} is refused: ${wayOut}`, () => {
      assert.throws(
        () => parseTarget(text),
        (error) => {
          assert.ok(error instanceof MeshError);
          assert.equal(error.code, "INVALID_ARGUMENT");
          assert.ok(error.reason.startsWith(`target ${JSON.stringify(text)}`), error.reason);
          assert.ok(error.reason.includes(wayOut), error.reason);
          return true;
        },
      );
    });
  }

  it("lists an address once, however often it is written", () => {
    assert.deepEqual(parseAddressList("a:1, b:2,a:1"), [
      { host: "a", port: 1 },
      { host: "b", port: 2 },
    ]);
  });
});
