import assert from "node:assert/strict";
import { findMethod, findService, servicesNamed } from "../../../../cli/src/contract/find-service.ts";
import { UsageError } from "../../../../cli/src/failures.ts";
import { sampleTypes, sourceOf } from "./contracts.ts";

const GREETER = "greeter.v1.GreeterService";
const TRANSLATOR = "translator.v1.TranslatorService";
const source = sourceOf(sampleTypes(), [GREETER, TRANSLATOR, "grpc.health.v1.Health"]);

describe("a service that was named in short", () => {
  it("is found by its full name, the end of it, or its mesh name", async () => {
    for (const name of [GREETER, "GreeterService", "greeterservice", "v1.GreeterService", "greeter"]) {
      assert.equal((await findService(source, name)).desc.typeName, GREETER, name);
    }
  });

  it("must mean one only", async () => {
    assert.deepEqual(servicesNamed("Shop", ["a.v1.Shop", "b.v1.Shop", "c.Workshop"]), ["a.v1.Shop", "b.v1.Shop"]);
    const two = sourceOf(sampleTypes(), ["a.v1.GreeterService", GREETER]);
    await assert.rejects(findService(two, "GreeterService"), /may be a\.v1\.GreeterService or greeter\.v1.*full name/);
  });

  it("may be the only one of a target that the registry knows by another name", async () => {
    const only = sourceOf(sampleTypes(), [GREETER, "grpc.health.v1.Health"], "consul:///hello");
    assert.equal((await findService(only, "hello")).desc.typeName, GREETER);
    await assert.rejects(findService(only, "other"), UsageError);
  });

  it("leads to those there are, the closest first, when there is none", async () => {
    await assert.rejects(
      findService(source, "translater.v1.TranslatorService"),
      /unknown to a test, which has translator\.v1\.TranslatorService, greeter\.v1\.GreeterService$/,
    );
  });
});

describe("a method", () => {
  it("is found as the contract spells it or in lowerCamel", async () => {
    const service = await findService(source, GREETER);
    for (const name of ["SayHello", "sayHello"]) assert.equal(findMethod(service, name).name, "SayHello");
    assert.throws(() => findMethod(service, "sayhello"), /which has SayHello, /);
    assert.throws(
      () => findMethod(service, undefined),
      /no method is named: write for example greeter\.v1\.GreeterService\/SayHello/,
    );
  });

  it("brings the policy of its contract", async () => {
    const service = await findService(source, GREETER);
    const policy = service.policyOf(findMethod(service, "SayHello"));
    assert.deepEqual([policy.deadlineMs, policy.retry?.maxAttempts, policy.idempotency], [1_000, 3, "NO_SIDE_EFFECTS"]);
  });
});
