import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { isWildcard, outerAddress, type Surroundings } from "../../../sdk/src/outer-address.ts";

const machine = (
  routes: Partial<Record<"IPv4" | "IPv6", string>>,
  ...addresses: readonly (readonly ["IPv4" | "IPv6", string, "inner"?])[]
): Surroundings => ({
  route: async (family) => routes[family],
  interfaces: () => addresses.map(([family, address, inner]) => ({ family, address, internal: inner !== undefined })),
});

describe("the outer address", () => {
  it("is what the default route starts from, whatever else the machine has", async () => {
    const docker = ["IPv4", "172.17.0.1"] as const;
    assert.equal(await outerAddress(machine({ IPv4: "10.0.0.7", IPv6: "fd00::7" }, docker)), "10.0.0.7");
    assert.equal(await outerAddress(machine({ IPv6: "fd00::7" }, docker)), "fd00::7");
  });

  it("is another that is good for more than one wire where there is no route", async () => {
    const loopback = ["IPv4", "127.0.0.1", "inner"] as const;
    const ownWire = [["IPv4", "169.254.3.4"] as const, ["IPv6", "fe80::1"] as const];
    assert.equal(await outerAddress(machine({}, loopback, ["IPv6", "fd00::9"], ["IPv4", "10.1.1.1"])), "10.1.1.1");
    assert.equal(await outerAddress(machine({}, loopback, ...ownWire, ["IPv6", "fd00::9"])), "fd00::9");
    assert.equal(await outerAddress(machine({}, loopback, ...ownWire)), "127.0.0.1");
  });

  it("is one of this machine's", async () => {
    const all = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
    assert.ok([...all.map(({ address }) => address), "127.0.0.1"].includes(await outerAddress()));
  });
});

describe("a wildcard", () => {
  it("is every way to write all of the machine's addresses", () => {
    for (const host of ["0.0.0.0", "::", "0:0:0:0:0:0:0:0", "::0", "::0.0.0.0"]) assert.ok(isWildcard(host), host);
  });

  it("is no address of its own", () => {
    for (const host of ["::1", "0.0.0.1", "::ffff:0.0.0.1", "::10", "0", "localhost"]) {
      assert.ok(!isWildcard(host), host);
    }
  });
});
