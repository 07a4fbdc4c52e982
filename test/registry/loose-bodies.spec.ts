/**
 * Config entries with a few fields set to anything: the agent must read, refuse and show them as Consul does, word for
 * word. Nobody writes most of these; the few that somebody writes are among them.
 */
import { deepEqual } from "node:assert/strict";
import { type RunningAgent, startAgent } from "@meshwork/agent";
import * as fc from "fast-check";
import { Recorder } from "../support/parity-recorder.ts";
import { findConsul, type RealConsul, sayNotRun, startConsul } from "../support/real-consul.ts";

const runs = 300;
const name = "loose";

type Tree = Record<string, unknown>;

/** Paths into the JSON of each kind; a field named in {@link listFields} holds one item. */
const fields: Readonly<Record<string, string>> = {
  "service-defaults": `Protocol ExternalSNI external_sni Meta Meta.k mesh_gateway MeshGateway MeshGateway.Mode
    Expose Expose.Checks Expose.Paths Expose.Paths.ListenerPort Expose.Paths.Path`,
  "service-resolver": `DefaultSubset Subsets Subsets.v1 Subsets.v1.Filter Subsets.v1.OnlyPassing Meta ConnectTimeout
    Redirect Redirect.Service Redirect.Datacenter Failover Failover.* Failover.*.Datacenters Failover.*.Service
    connect_timeout`,
  "service-splitter": "Splits Splits.Weight Splits.Service Splits.Namespace Splits.service_subset",
  "service-router": `Routes Routes.Match Routes.Match.HTTP Routes.Match.HTTP.PathExact Routes.Match.HTTP.Header
    Routes.Match.HTTP.Header.Name Routes.Match.HTTP.Header.Invert Routes.Match.HTTP.Methods Routes.Destination
    Routes.Destination.RequestTimeout Routes.Destination.NumRetries Routes.Destination.RetryOnStatusCodes
    Routes.Destination.RetryOnConnectFailure`,
};
const listFields = new Set(["Paths", "Splits", "Routes", "Header"]);

/** Without what ends the connection to Consul 1.8 (a null alone in a list) and numbers that have no place in 64 bits. */
const scalar = fc.oneof(
  fc.constantFrom("", "a", "1", "5", "-5", "+3", "0x1f", "017", "08", "0b11", "0o7", "1_000", "1.5", "1e3", ".5", "5."),
  fc.constantFrom("true", "T", "no", 'é"<', "1s", "1.5h", "5m3s", "-2ms", "0.5ns", "1d", "1h1", "1.0000000001s"),
  fc.constantFrom("2562047h47m16.854775807s", "2562047h47m16.854775808s"),
  fc.constantFrom(0, 1, -1, 1.5, -1.5, 100, 33.333, 4_294_967_295, 4_294_967_296, 1e10, 1e-7, 0.1, 5e-324),
  fc.boolean(),
);
const anyValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 5, arbitrary: scalar },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.array(scalar, { maxLength: 2 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown[]>({}, [], [{}], [{}, {}], [[]], [["a"]], [[["a"]]], { a: {} }, { a: "b" }, [
      { a: "b" },
      { c: "d" },
    ]),
  },
);

const body = fc.constantFrom(...Object.keys(fields)).chain((Kind) =>
  fc
    .array(fc.tuple(fc.constantFrom(...(fields[Kind] ?? "").split(/\s+/)), anyValue), { minLength: 1, maxLength: 3 })
    .map((sets): Tree => {
      const entry: Tree = { Kind, Name: name };
      for (const [path, value] of sets) setIn(entry, path.split("."), value);
      return entry;
    }),
);

describe("config entries with anything in their fields", function () {
  this.timeout(120_000);
  if (findConsul() === undefined) {
    it("are not compared on this machine", () => sayNotRun("comparison of loose bodies"));
    return;
  }

  let agent: RunningAgent;
  let consul: RealConsul;

  before(async () => {
    [agent, consul] = await Promise.all([startAgent(), startConsul()]);
    for (const { url } of [agent, consul]) {
      const routable = { Kind: "proxy-defaults", Name: "global", Config: { protocol: "http" } };
      await new Recorder(url).put("/v1/config", routable);
    }
  });

  after(async () => {
    await Promise.all([agent?.close(), consul?.close()]);
  });

  it("are read, refused and shown as Consul does", async () => {
    const property = fc.asyncProperty(body, async (entry) => {
      const [ours, theirs] = await Promise.all([played(agent.url, entry), played(consul.url, entry)]);
      deepEqual(ours.records, theirs.records);
    });
    await fc.assert(property, { numRuns: runs });
  });
});

async function played(url: string, entry: Tree): Promise<Recorder> {
  const recorder = new Recorder(url);
  await recorder.put("/v1/config", entry);
  await recorder.get(`/v1/config/${String(entry["Kind"])}/${name}`);
  await recorder.get(`/v1/discovery-chain/${name}`);
  for (const kind of Object.keys(fields).toReversed()) {
    await recorder.askQuietly("DELETE", `/v1/config/${kind}/${name}`);
  }
  return recorder;
}

/** Sets what lies at the path, making objects where there are none. */
function setIn(target: Tree, [field = "", ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    target[field] = structuredClone(value);
    return;
  }
  const present: unknown = Array.isArray(target[field]) ? target[field][0] : target[field];
  const inner: Tree = isTree(present) ? present : {};
  target[field] = listFields.has(field) ? [inner] : inner;
  setIn(inner, rest, value);
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
