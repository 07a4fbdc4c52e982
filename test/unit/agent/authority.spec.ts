import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";

import {
  type Authority,
  authorityTopics,
  minRenewalMs,
  renewal,
  rotationSpreadMs,
} from "../../../agent/src/state/authority.ts";
import { agentState } from "./fixtures.ts";

const hourMs = 3_600_000;
const leafMs = 72 * hourMs;

async function open(): Promise<ReturnType<typeof agentState> & { readonly ca: Authority }> {
  const state = agentState();
  return { ...state, ca: await state.authority.get() };
}

function rotate(ca: Authority, config: object = {}): void {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const PrivateKey = privateKey.export({ type: "sec1", format: "pem" }).toString();
  ca.configure({ provider: "consul", config: { PrivateKey, ...config }, forceWithoutCrossSigning: false });
}

function certificatesOf(pem: string): X509Certificate[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return found.map((one) => new X509Certificate(one));
}

describe("the agent's certificate authority", () => {
  it("gives all who ask the same leaf until it is renewed", async () => {
    const { ca } = await open();
    assert.equal(ca.leaf("web"), ca.leaf("web"));
    assert.notEqual(ca.leaf("web").serialNumber, ca.leaf("WEB").serialNumber);
  });

  it("renews a leaf that somebody waits for well before it ends, and wakes them", async () => {
    const { ca, clock, journal } = await open();
    const first = ca.leaf("web");
    let woken = 0;
    journal.watch(authorityTopics.leaf("web"), () => (woken += 1));
    const untilEndMs = first.validBeforeMs - clock.wallMs();
    clock.advance(untilEndMs - leafMs * (1 - renewal.from));
    assert.equal(woken, 0);
    clock.advance(leafMs * (renewal.to - renewal.from));
    assert.equal(woken, 1);
    const second = ca.leaf("web");
    assert.ok(second.modifyIndex > first.modifyIndex);
    assert.ok(clock.wallMs() < first.validBeforeMs);
    assert.equal(second.validBeforeMs - second.validAfterMs, leafMs);
  });

  it("does not renew without a pause what has no life", async () => {
    const { ca, clock, journal } = await open();
    rotate(ca, { LeafCertTTL: "1s", SkipValidate: true });
    ca.leaf("web");
    let woken = 0;
    journal.watch(authorityTopics.leaf("web"), () => (woken += 1));
    clock.advance(10 * minRenewalMs);
    assert.equal(woken, 10);
  });

  it("forgets a leaf that nobody waits for when it is due", async () => {
    const { ca, clock } = await open();
    const first = ca.leaf("web");
    clock.advance(leafMs);
    const { pending } = clock;
    assert.notEqual(ca.leaf("web").serialNumber, first.serialNumber);
    assert.equal(clock.pending, pending + 1);
  });

  it("makes another root of another key, signed by the one before, and replaces the leaves in use", async () => {
    const { ca, clock, journal } = await open();
    const [before] = ca.roots();
    const first = ca.leaf("web");
    let woken = 0;
    journal.watch(authorityTopics.leaf("web"), () => (woken += 1));
    rotate(ca);
    assert.equal(ca.leaf("web"), first);
    clock.advance(rotationSpreadMs);
    assert.equal(woken, 1);
    const [leaf, crossSigned, ...others] = certificatesOf(ca.leaf("web").certificates);
    assert.deepEqual(others, []);
    assert.ok(before !== undefined && leaf !== undefined && crossSigned !== undefined);
    const active = ca.roots().find((root) => root.active);
    const [oldRoot, newRoot] = [before.certificate, active?.certificate ?? ""].map((pem) => new X509Certificate(pem));
    assert.ok(oldRoot !== undefined && newRoot !== undefined);
    assert.ok(leaf.checkIssued(newRoot) && leaf.verify(newRoot.publicKey));
    assert.ok(leaf.checkIssued(crossSigned) && leaf.verify(crossSigned.publicKey));
    assert.ok(crossSigned.checkIssued(oldRoot) && crossSigned.verify(oldRoot.publicKey));
    assert.ok(!newRoot.verify(oldRoot.publicKey));
  });

  it("trusts a root that signs no more for twice the life of a leaf, and tells whoever follows", async () => {
    const { ca, clock, journal } = await open();
    rotate(ca, { LeafCertTTL: "2h" });
    const { rootsIndex } = ca;
    assert.equal(ca.roots().length, 2);
    let woken = 0;
    journal.watch(authorityTopics.roots, () => (woken += 1));
    clock.advance(4 * hourMs);
    assert.deepEqual(
      ca.roots().map(({ id }) => id),
      [ca.activeRootId],
    );
    assert.equal(woken, 1);
    assert.ok(ca.rootsIndex > rootsIndex);
  });

  it("changes nothing when its configuration cannot be, or is what it is", async () => {
    const { ca, journal } = await open();
    const { index } = journal;
    const { activeRootId, config } = ca;
    const broken = { provider: "consul", config: { PrivateKey: "x" }, forceWithoutCrossSigning: false };
    assert.throws(() => ca.configure(broken), /no PEM-encoded data found/);
    ca.configure(config);
    assert.deepEqual([journal.index, ca.activeRootId, ca.config], [index, activeRootId, config]);
  });

  it("leaves no timer behind", async () => {
    const { ca, clock } = await open();
    const { pending } = clock;
    ca.leaf("web");
    ca.leaf("db");
    rotate(ca);
    assert.equal(clock.pending, pending + 3);
    ca.close();
    assert.equal(clock.pending, pending);
  });
});
