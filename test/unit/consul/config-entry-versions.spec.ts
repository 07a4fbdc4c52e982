import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { tooNewPart } from "../../../sdk/src/consul/config-entry-versions.ts";
import { parseVersion } from "../../../sdk/src/consul/consul-version.ts";

describe("what a version of Consul does not know of a config entry", () => {
  const part = (entry: Record<string, unknown> & { Kind: string; Name: string }, version: string) =>
    tooNewPart(entry, parseVersion(version)!)?.part;

  it("is a kind", () => {
    const entry = { Kind: "service-intentions", Name: "greeter" };
    assert.equal(part(entry, "1.8.7"), "the kind service-intentions");
    assert.equal(part(entry, "1.9.0"), undefined);
  });

  it("is a field, at any depth, through lists and names", () => {
    const router = {
      Kind: "service-router",
      Name: "greeter",
      Routes: [{ Destination: { NumRetries: 1 } }, { Destination: { RetryOn: ["unavailable"] } }],
    };
    assert.equal(part(router, "1.13.9"), "Routes.Destination.RetryOn of service-router greeter");
    assert.equal(part(router, "1.14.0"), undefined);
    const resolver = {
      Kind: "service-resolver",
      Name: "greeter",
      Failover: { v1: { Targets: [{ Datacenter: "dc2" }] } },
    };
    assert.equal(part(resolver, "1.8.7"), "Failover.*.Targets of service-resolver greeter");
    assert.equal(part(resolver, "1.14.0"), undefined);
    assert.equal(
      part({ ...resolver, Failover: {}, LoadBalancer: {} }, "1.8.7"),
      "LoadBalancer of service-resolver greeter",
    );
  });

  it("is not a field that holds nothing, and nothing that every version knows", () => {
    const resolver = { Kind: "service-resolver", Name: "greeter", LoadBalancer: undefined, ConnectTimeout: "3s" };
    assert.equal(part(resolver, "1.8.0"), undefined);
    assert.equal(part({ Kind: "service-splitter", Name: "greeter", Splits: [{ Weight: 100 }] }, "1.8.0"), undefined);
  });

  it("is the partition of any kind before 1.11", () => {
    const entry = { Kind: "service-defaults", Name: "greeter", Partition: "part" };
    assert.equal(part(entry, "1.10.12"), "Partition of service-defaults greeter");
    assert.equal(part(entry, "1.11.0"), undefined);
  });
});
