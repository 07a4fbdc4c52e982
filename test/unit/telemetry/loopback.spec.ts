import assert from "node:assert/strict";
import { isLoopbackAddress, namesLoopback } from "../../../sdk/src/telemetry/loopback.ts";

describe("an address", () => {
  for (const address of ["127.0.0.1", "127.1.2.3", "::1", "0:0:0:0:0:0:0:0001", "::ffff:127.0.0.1"]) {
    it(`${address} is loopback`, () => assert.ok(isLoopbackAddress(address)));
  }
  for (const address of ["0.0.0.0", "::", "10.0.0.1", "::2", "1::1", "::1:1", "::ffff:10.0.0.1", "localhost", ""]) {
    it(`"${address}" is not`, () => assert.ok(!isLoopbackAddress(address)));
  }
});

describe("a Host header", () => {
  const names = ["localhost", "LocalHost:9464", "localhost.:80", "shop.localhost", "localhost:"];
  for (const header of [...names, "127.0.0.1", "127.0.0.1:9464", "[::1]", "[::1]:9464", undefined]) {
    it(`${header} names loopback`, () => assert.ok(namesLoopback(header)));
  }
  const lookalikes = ["localhost.evil.example", "127.0.0.1.evil.example", "evillocalhost", "127.evil.example"];
  const malformed = ["", ":9464", "127.0.0.1:80:80", "[::1", "[::1]x", "localhost@evil.example"];
  for (const header of ["evil.example", "10.0.0.1:9464", "0.0.0.0", "[::]", "[::2]:80", ...lookalikes, ...malformed]) {
    it(`"${header}" does not`, () => assert.ok(!namesLoopback(header)));
  }
});
