import assert from "node:assert/strict";
import * as fc from "fast-check";
import { describe, it } from "mocha";
import { meshName, methodKey } from "../../../sdk/src/contract/names.ts";

describe("meshName", () => {
  const names: readonly [typeName: string, expected: string][] = [
    ["greeter.v1.GreeterService", "greeter"],
    ["UserAccountService", "user-account"],
    ["shop.HTTPProxyService", "http-proxy"],
    ["shop.Service", "service"],
    ["shop.ServiceService", "service"],
    ["shop.Greeter", "greeter"],
    ["shop.V2Greeter", "v2-greeter"],
    ["shop.Greeter2Service", "greeter2"],
    ["shop.user_account_Service", "user-account"],
    ["shop.USER_ACCOUNT_Service", "user-account"],
    ["shop.Services", "services"],
    ["shop._Hidden", "hidden"],
  ];
  for (const [typeName, expected] of names) {
    it(`makes "${expected}" of ${typeName}`, () => {
      assert.deepEqual(meshName(typeName), { value: expected, problems: [] });
    });
  }

  it("takes the option's name as it is", () => {
    assert.deepEqual(meshName("shop.v1.ShopService", "store-7"), { value: "store-7", problems: [] });
    assert.equal(meshName("shop.v1.ShopService", "").value, "shop");
  });

  for (const name of ["Store", "-store", "store-", "my store", "störe", "a.b", "a_b", "x".repeat(64)]) {
    it(`refuses "${name}"`, () => {
      const [problem] = meshName("shop.v1.ShopService", name).problems;
      assert.equal(problem?.subject, "shop.v1.ShopService");
      assert.match(problem.message, /DNS.*: choose another$/);
    });
  }

  it("says how to name a service whose own name cannot be one", () => {
    assert.match(meshName("a.___").problems[0]!.message, /set option \(meshwork\.v1\.service\) = \{name: "\.\.\."\}$/);
    assert.match(meshName(`a.${"X".repeat(64)}`).problems[0]!.message, /64 characters where DNS allows 63/);
  });

  it("makes a DNS label of every proto name or says that it cannot", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,80}$/), (name) => {
        const { value, problems } = meshName(`a.${name}`);
        assert.equal(problems.length === 0, /^(?=.{1,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(value), value);
      }),
    );
  });
});

describe("methodKey", () => {
  const keys: readonly [name: string, key: string][] = [
    ["SayHello", "sayHello"],
    ["say_hello", "sayHello"],
    ["Say_2", "say2"],
    ["HTTPGet", "hTTPGet"],
    ["delete", "delete"],
    ["Constructor", "constructor$"],
    ["ToString", "toString$"],
    ["then", "then$"],
    ["HasOwnProperty", "hasOwnProperty$"],
    ["ToJSON", "toJSON$"],
    ["__proto__", "proto"],
    ["_", "_"],
    ["_1", "_1"],
  ];
  for (const [name, key] of keys) {
    it(`makes "${key}" of ${name}`, () => assert.equal(methodKey(name), key));
  }

  it("never shadows a member that every object has", () => {
    for (const name of [...Object.getOwnPropertyNames(Object.prototype), "then"]) {
      const key = methodKey(name);
      assert.ok(!(key in {}) && key !== "then", `${name} became ${key}`);
    }
  });
});
