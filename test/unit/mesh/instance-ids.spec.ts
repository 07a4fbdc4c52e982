import assert from "node:assert/strict";
import type { Registration, ServiceInstance } from "../../../sdk/src/discovery/registration.ts";
import { idsTakenAt, withOwnIds } from "../../../sdk/src/instance-ids.ts";

function instance(port: number): ServiceInstance {
  return { name: "shop", id: "shop-x", address: { host: "h", port }, weight: 1, tags: [], metadata: {} };
}

/** A registry that says which ids it has, and refuses the port 13. */
function registry() {
  const listed = new Set<string>();
  let leaves = true;
  const registration: Registration = {
    async register({ id, address }) {
      if (address.port === 13) throw new Error("refused");
      listed.add(id);
      return {
        deregister: async () => {
          if (!leaves) throw new Error("gone");
          listed.delete(id);
        },
      };
    },
  };
  const ids = (): string[] => [...listed].sort();
  return { registration, ids, breakDown: () => (leaves = false) };
}

describe("ids of instances", () => {
  it("carry the port when another instance of this process has the id", async () => {
    const { registration, ids } = registry();
    const taken = new Set<string>();
    // As two meshes have it.
    const [first, second] = [withOwnIds(registration, taken), withOwnIds(registration, taken)];
    const one = await first.register(instance(1));
    await second.register(instance(2));
    assert.deepEqual(ids(), ["shop-x", "shop-x-2"]);
    await one.deregister();
    assert.deepEqual(ids(), ["shop-x-2"]);
  });

  it("are free again once their instance has left, could not be registered, or could not be taken out", async () => {
    const { registration, ids, breakDown } = registry();
    const own = withOwnIds(registration, new Set());
    await assert.rejects(own.register(instance(13)), /refused/);
    const first = await own.register(instance(1));
    await first.deregister();
    const second = await own.register(instance(2));
    breakDown();
    await assert.rejects(second.deregister(), /gone/);
    await own.register(instance(3));
    assert.deepEqual(ids(), ["shop-x"]);
  });

  it("are taken in one registry at a time", () => {
    assert.equal(idsTakenAt("http://a:8500"), idsTakenAt("http://a:8500"));
    assert.notEqual(idsTakenAt("http://a:8500"), idsTakenAt("http://b:8500"));
  });
});
