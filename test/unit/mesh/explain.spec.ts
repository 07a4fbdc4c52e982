/** What a mesh tells of its clients' endpoints, in the program and at its admin port. */
import assert from "node:assert/strict";
import { type ClientExplanation, createMesh, type EndpointExplanation, MeshError } from "@meshwork/sdk";
import {
  TranslatorService,
  type TranslatorServiceClient,
} from "../../../services/gen/translator/v1/translator.mesh.ts";
import { ALONE } from "../../support/greeter-mesh.ts";
import { recordedLog } from "../../support/logs.ts";

/** Calls until a call's end has made it so. */
async function callUntil(translator: TranslatorServiceClient, done: () => boolean): Promise<void> {
  while (!done()) await translator.translate({ phrase: "hello" }).catch(() => undefined);
}

describe("what a mesh explains of its balancing", () => {
  it("is every endpoint of a target: its connection, its calls, and why it gets none", async () => {
    const mesh = createMesh({ ...ALONE, admin: {}, balancing: "round_robin", log: recordedLog().log });
    const addresses: string[] = [];
    for (const broken of [false, true]) {
      const server = mesh.server().add(TranslatorService, {
        async translate() {
          if (broken) throw new MeshError("UNAVAILABLE", "out of order");
          return { text: "hallo" };
        },
        async *listLanguages() {},
      });
      await server.start();
      addresses.push(`127.0.0.1:${server.address.port}`);
    }
    const target = `static:///${addresses.join(",")}`;
    assert.deepEqual(mesh.explain(target), []);
    const translator = mesh.client(TranslatorService, { target });
    const explained = (): ClientExplanation => mesh.explain(target)[0]!;
    const broken = (): EndpointExplanation | undefined =>
      explained().endpoints.find(({ address }) => address === addresses[1]);
    await callUntil(translator, () => broken()?.ejected !== undefined);
    const { endpoints, ...client } = explained();
    assert.deepEqual(client, { target, policy: "round_robin", freshness: "live", known: 2, panicking: false });
    const well = endpoints.find(({ address }) => address === addresses[0]);
    assert.deepEqual(
      [well?.address, well?.connection, well?.inFlight, well?.ejected],
      [addresses[0], "ready", 0, undefined],
    );
    assert.ok(well!.picks > 0 && well!.costMs! >= 1);
    const { ejected, picks } = broken()!;
    assert.equal(ejected?.reason, "consecutive_failures");
    assert.ok(ejected.triedInMs > 0 && ejected.triedInMs <= 30_000, String(ejected.triedInMs));
    assert.equal(picks, 5);
    const admin = await mesh.admin();
    const told = (await (await fetch(`http://127.0.0.1:${admin!.port}/debug/balancer`)).json()) as ClientExplanation[];
    assert.deepEqual(
      told.map((one) => [one.target, one.endpoints.map(({ id, picks }) => [id, picks])]),
      [[target, explained().endpoints.map(({ id, picks }) => [id, picks])]],
    );
    assert.throws(() => mesh.explain("ftp:///x"), { code: "INVALID_ARGUMENT" });
    await mesh.close();
  });

  it("is how many endpoints of a service are known, beside the subset that is used, and what new ones are given", async () => {
    const options = { ...ALONE, log: recordedLog().log, number: 0, zone: "here" };
    const mesh = createMesh({ ...options, subset: { size: 2 }, slowStart: true, zonePreference: true });
    const target = "static:///127.0.0.1:1,127.0.0.1:2,127.0.0.1:3";
    const translator = mesh.client(TranslatorService, { target });
    await assert.rejects(translator.translate({ phrase: "hello" }), { code: "UNAVAILABLE" });
    const [explained] = mesh.explain(target);
    assert.equal(explained?.known, 3);
    assert.equal(explained.endpoints.length, 2);
    assert.equal(explained.elsewhere, 1);
    assert.deepEqual(
      explained.endpoints.map(({ weight, share }) => [weight, share]),
      [
        [1, 0.1],
        [1, 0.1],
      ],
    );
    await mesh.close();
  });
});
