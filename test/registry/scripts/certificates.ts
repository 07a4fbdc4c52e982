/** The mesh's certificate authority: its roots, the leaves that it makes, how it is configured. */
import { generateKeyPairSync } from "node:crypto";
import type { Recorder } from "../../support/parity-recorder.ts";
import { longWaitMs, type Script, shortWaitMs } from "../script.ts";

const roots = "/v1/connect/ca/roots";
const agentRoots = "/v1/agent/connect/ca/roots";
const configuration = "/v1/connect/ca/configuration";
const leaves = "/v1/agent/connect/ca/leaf/";

/** Both registries get the same. */
const keys = {
  sec1: generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "sec1", format: "pem" }),
  pkcs8: generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey.export({ type: "pkcs8", format: "pem" }),
  rsa: generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey.export({ type: "pkcs1", format: "pem" }),
};

/** Of the configuration in these scripts, so that each finds the same. */
async function reset(registry: Recorder): Promise<void> {
  await registry.askQuietly("PUT", configuration, {
    Provider: "consul",
    Config: { PrivateKey: keys.sec1, LeafCertTTL: "72h" },
  });
}

const configure = (registry: Recorder, Config: unknown, more = {}) =>
  registry.put(configuration, { Provider: "consul", Config, ...more });

async function serialOf(registry: Recorder, service: string): Promise<string> {
  return ((await registry.askQuietly("GET", `${leaves}${service}`)).json as { SerialNumber: string }).SerialNumber;
}

export const scripts: Readonly<Record<string, Script>> = {
  // First, while nobody has configured anything.
  "roots and configuration as they are made": async (registry) => {
    for (const path of [roots, agentRoots, configuration]) {
      await registry.get(path);
      await registry.ask("OPTIONS", path);
      await registry.ask("DELETE", path);
      for (const query of ["dc=elsewhere", "dc=dc1", "ns=x"]) await registry.get(`${path}?${query}`);
    }
    for (const query of ["index=x", "wait=x", "stale", "stale&consistent"]) {
      await registry.get(`${roots}?${query}`);
      await registry.get(`${agentRoots}?${query}`);
    }
    for (const query of ["pem", "pem=true", "pem=0", "pem=x"]) await registry.get(`${roots}?${query}`);
    for (const path of ["/v1/connect/ca", "/v1/connect/ca/", "/v1/connect/ca/odd", "/v1/agent/connect/ca/odd"]) {
      await registry.get(path);
    }
  },

  leaves: async (registry) => {
    await reset(registry);
    const long = "x".repeat(100);
    for (const name of ["web", "WEB", "a%20b", "%C3%A9", "-x.y_z", "A--B", "x!$()*:@&+,;='~", "q%3Fr%23s", long]) {
      await registry.get(`${leaves}${name}`);
    }
    for (const name of ["", "a%2Fb", "a/b"]) await registry.get(`${leaves}${name}`);
    await registry.get(leaves.slice(0, -1));
    for (const query of ["dc=elsewhere", "ns=x", "index=x", "wait=x", "stale&consistent"]) {
      await registry.get(`${leaves}web?${query}`);
    }
    for (const method of ["PUT", "OPTIONS"] as const) await registry.ask(method, `${leaves}web`);
    const [first, again, other] = [
      await serialOf(registry, "same"),
      await serialOf(registry, "same"),
      await serialOf(registry, "Same"),
    ];
    registry.note("whoever asks again gets the same", first === again);
    registry.note("names have case", first !== other);
    await registry.watch("another leaf", `${leaves}same`, shortWaitMs, () => serialOf(registry, "another"));
  },

  "what a configuration may be": async (registry) => {
    await reset(registry);
    // No null: Consul 1.8 ends the connection over one.
    const bodies = [undefined, "[]", {}, { Bogus: 1 }, { Provider: 1 }, { Provider: "nope", Config: {} }];
    for (const body of bodies) await registry.put(configuration, body);
    const key = { PrivateKey: keys.sec1 };
    const configs: unknown[] = [
      "x",
      [],
      { PrivateKey: "x" },
      { PrivateKey: 5 },
      { PrivateKey: "-----BEGIN X PRIVATE KEY-----\nMHcC\n-----END X PRIVATE KEY-----\n" },
      { RootCert: "x" },
      { ...key, LeafCertTTL: "30m" },
      { ...key, LeafCertTTL: "x" },
      { ...key, LeafCertTTL: "" },
      { ...key, LeafCertTTL: true },
      { ...key, LeafCertTTL: "9000h" },
      { ...key, LeafCertTTL: "8760h" },
      { ...key, leafcertttl: "30m" },
      { ...key, IntermediateCertTTL: "x" },
      { ...key, LeafCertTTL: "1h", IntermediateCertTTL: "1h" },
      { ...key, LeafCertTTL: "48h", IntermediateCertTTL: "100h" },
      { ...key, PrivateKeyType: "rsa" },
      { ...key, PrivateKeyType: "odd" },
      { ...key, PrivateKeyBits: 100 },
      { ...key, PrivateKeyBits: "x" },
      { ...key, CSRMaxPerSecond: "x", CSRMaxConcurrent: {}, SkipValidate: "x" },
    ];
    for (const config of configs) await configure(registry, config);
    await configure(registry, key, { State: { a: "b" } });
    await configure(registry, key, { State: { a: 5 } });
    await configure(registry, key, { ForceWithoutCrossSigning: 5 });
    await registry.put(`${configuration}?dc=elsewhere`, { Provider: "consul", Config: key });
    await registry.get(configuration);
    const taken: unknown[] = [
      { ...key, LeafCertTTL: 7_200_000_000_000, a: { b: 1 }, z: [1, 2], n: null },
      { ...key, LeafCertTTL: "48h", IntermediateCertTTL: "240h" },
      { ...key, PrivateKeyBits: "384", SkipValidate: true, CSRMaxPerSecond: 10 },
      { ...key, LeafCertTTL: "72h", unknown: "kept" },
    ];
    for (const config of taken) {
      await configure(registry, config);
      await registry.get(configuration);
    }
    await registry.put(configuration, { provider: "consul", config: key, force_without_cross_signing: true });
    await registry.get(configuration);
    await configure(registry, { ...key, LeafCertTTL: "2h" });
    const { json } = await registry.askQuietly("GET", `${leaves}short-lived`);
    const { ValidAfter, ValidBefore } = json as { ValidAfter: string; ValidBefore: string };
    registry.note("milliseconds of a leaf's life", Date.parse(ValidBefore) - Date.parse(ValidAfter));
    await reset(registry);
  },

  "another root": async (registry) => {
    await reset(registry);
    const shown = async (service: string): Promise<void> => {
      const { json } = await registry.askQuietly("GET", roots);
      const { Roots } = json as { Roots: { Active: boolean }[] };
      registry.note("how many sign", Roots.filter(({ Active }) => Active).length);
      await registry.get(roots);
      // They come by IDs that nobody chooses.
      const { body } = await registry.askQuietly("GET", `${roots}?pem=1`);
      registry.note("certificates in PEM", body.match(/BEGIN CERTIFICATE/g)?.length);
      await registry.get(`${leaves}${service}`);
      await registry.get(configuration);
    };
    for (const [number, PrivateKey] of [keys.pkcs8, keys.rsa, keys.sec1].entries()) {
      await registry.watch("another key", roots, longWaitMs, () =>
        registry.askQuietly("PUT", configuration, { Provider: "consul", Config: { PrivateKey } }),
      );
      await shown(`rotated-${number}`);
    }
    await registry.watch("another life", agentRoots, longWaitMs, () =>
      registry.askQuietly("PUT", configuration, {
        Provider: "consul",
        Config: { PrivateKey: keys.sec1, LeafCertTTL: "24h" },
      }),
    );
    await registry.watch("a leaf", roots, shortWaitMs, () => serialOf(registry, "rotated-other"));
    await reset(registry);
  },
};
