import assert from "node:assert/strict";

import { isLoopbackHostHeader, isLoopbackOrigin } from "../../../agent/src/http/loopback.ts";

describe("a Host header", () => {
  const own = ["localhost", "LOCALHOST:8500", "127.0.0.1", "127.0.0.1:8500", "127.1.2.3:1", "[::1]:8500", "[::1]"];
  for (const header of [...own, "localhost.:80", "shop.localhost", "[0:0:0:0:0:0:0:1]", undefined]) {
    it(`${header} means this machine`, () => assert.ok(isLoopbackHostHeader(header)));
  }

  const foreign = ["evil.example", "evil.example:8500", "10.0.0.1", "127.0.0.1.evil.example", "localhost.evil.example"];
  const odd = ["0.0.0.0", "[::]", "[::2]:80", "", ":8500", "127.0.0.1:80:80", "128.0.0.1", "evillocalhost", "[::1"];
  for (const header of [...foreign, ...odd]) {
    it(`"${header}" does not`, () => assert.ok(!isLoopbackHostHeader(header)));
  }
});

describe("an Origin header", () => {
  for (const header of [undefined, "http://localhost:3000", "https://127.0.0.1", "http://[::1]:8500"]) {
    it(`${header} means this machine`, () => assert.ok(isLoopbackOrigin(header)));
  }

  for (const header of ["https://evil.example", "null", "", "http://127.0.0.1.evil.example", "file://", "localhost"]) {
    it(`"${header}" does not`, () => assert.ok(!isLoopbackOrigin(header)));
  }
});
