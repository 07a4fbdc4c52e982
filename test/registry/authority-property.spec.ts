/**
 * Configurations of the certificate authority with a few fields set to anything: the agent must take, refuse and show them as
 * Consul does, word for word. All have the same key, so that none makes another root. Lists of one are left out: Consul
 * takes them apart in other places, and not here.
 */
import { deepEqual } from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import * as fc from "fast-check";
import { Recorder } from "../support/parity-recorder.ts";
import { findConsul, sayNotRun } from "../support/real-consul.ts";
import { besideConsul } from "./beside-consul.ts";

const runs = 300;
const path = "/v1/connect/ca/configuration";
const PrivateKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
  type: "sec1",
  format: "pem",
});

const scalar = fc.oneof(
  fc.constantFrom("", "a", "1", "-5", "+3", "0x1f", "017", "1.5", "1e3", "true", "no", "ec", "rsa", "256", "2048"),
  fc.constantFrom("1s", "1h", "1.5h", "72h", "300h", "9000h"),
  fc.constantFrom(0, 1, -1, 1.5, 256, 384, 2_048, 4_096, 3.6e12, 7.2e12, 1e10),
  fc.boolean(),
);
const anyValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: scalar },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.array(scalar, { minLength: 2, maxLength: 2 }) },
  { weight: 1, arbitrary: fc.constantFrom<unknown[]>({}, [], { a: "b" }) },
);
const field = fc.constantFrom(
  "LeafCertTTL",
  "leafcertTTL",
  "IntermediateCertTTL",
  "RotationPeriod",
  "PrivateKeyType",
  "PrivateKeyBits",
  "CSRMaxPerSecond",
  "CSRMaxConcurrent",
  "SkipValidate",
  "DisableCrossSigning",
  "Unknown",
);
const configs = fc.dictionary(field, anyValue, { minKeys: 1, maxKeys: 3 });

describe("configurations of the certificate authority with anything in their fields", function () {
  this.timeout(120_000);
  if (findConsul() === undefined) {
    it("are not compared on this machine", () => sayNotRun("comparison of configurations"));
    return;
  }

  const both = besideConsul();

  it("are read, refused and shown as Consul does", async () => {
    const property = fc.asyncProperty(configs, async (config) => {
      const [ours, theirs] = await Promise.all([played(both.agent.url, config), played(both.consul.url, config)]);
      deepEqual(ours.records, theirs.records);
    });
    await fc.assert(property, { numRuns: runs });
  });
});

async function played(url: string, config: object): Promise<Recorder> {
  const recorder = new Recorder(url);
  // Whatever was before, so that each run tells what it depends on.
  await recorder.askQuietly("PUT", path, { Provider: "consul", Config: { PrivateKey } });
  await recorder.put(path, { Provider: "consul", Config: { PrivateKey, ...config } });
  await recorder.get(path);
  return recorder;
}
