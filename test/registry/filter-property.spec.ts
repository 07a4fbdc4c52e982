/**
 * Random filters over random services: the agent and a real Consul find the same, or refuse in the same words.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Recorder } from "../support/parity-recorder.ts";
import { findConsul, sayNotRun } from "../support/real-consul.ts";
import { besideConsul } from "./beside-consul.ts";

/** Each round registers its own services and asks its own filters; bounded, because every question is a request. */
const rounds = 12;
const filtersPerRound = 60;
const maxServices = 5;
const timeoutMs = 120_000;

/** Few words, so that filters and services meet. */
const word = fc.constantFrom("a", "b", "ab", "v1", "A", "é", "a b", "", "0", "80");
const port = fc.constantFrom(0, 1, 80, 8080, 65_535);

const service = fc.record({
  Tags: fc.array(word, { maxLength: 3 }),
  Meta: fc.dictionary(fc.constantFrom("a", "b", "a-b"), word, { maxKeys: 3 }),
  Port: port,
  Address: fc.constantFrom("", "a.example", "10.0.0.1", "::1"),
  EnableTagOverride: fc.boolean(),
  Weights: fc.record({ Passing: fc.constantFrom(1, 80), Warning: fc.constantFrom(0, 1) }),
  Connect: fc.record({ Native: fc.boolean() }),
  Checks: fc.array(
    fc.record({
      TTL: fc.constant("1h"),
      Status: fc.constantFrom("passing", "warning", "critical"),
      Name: word,
      Notes: fc.constantFrom("", "a", "a\nb"),
    }),
    { maxLength: 3 },
  ),
});

const quoted = word.chain((text) => fc.constantFrom(`"${text}"`, `\`${text}\``));
const expression = fc.constantFrom(
  "^a",
  "b$",
  "(?i)A",
  ".",
  "^$",
  "[ab]{2}",
  "a|v\\\\d",
  "[",
  "(?=a)",
  "\\\\pL",
  "a\\\\nb",
);
const value = fc.oneof(
  { weight: 4, arbitrary: quoted },
  { weight: 2, arbitrary: fc.constantFrom("a", "v1", "passing", "critical", "ttl", "a.b") },
  { weight: 2, arbitrary: fc.constantFrom("80", "-1", "0", "1", "8080", '"0x50"', '"0o120"', "1.5", "01") },
  { weight: 1, arbitrary: fc.constantFrom("true", "false", "t", '"F"', "yes", '"') },
);

function filters(selectors: readonly string[]): fc.Arbitrary<string> {
  const selector = fc.constantFrom(...selectors);
  const matching = fc.tuple(selector, fc.constantFrom(" matches ", " not matches "), expression);
  const match = fc.oneof(
    fc.tuple(selector, fc.constantFrom("==", " != ", " contains ", " not contains "), value).map((all) => all.join("")),
    fc.tuple(value, fc.constantFrom(" in ", " not in "), selector).map((all) => all.join("")),
    fc.tuple(selector, fc.constantFrom(" is empty", " is not empty")).map((all) => all.join("")),
    matching.map(([selector, operator, pattern]) => `${selector}${operator}"${pattern}"`),
  );
  const { whole } = fc.letrec<{ whole: string }>((tie) => ({
    whole: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      match,
      fc.tuple(tie("whole"), fc.constantFrom(" and ", " or "), tie("whole")).map((all) => all.join("")),
      tie("whole").map((inner) => `not ${inner}`),
      tie("whole").map((inner) => `(${inner})`),
    ),
  }));
  return whole;
}

const ofService = ["ID", "Service", "Tags", "Meta", "Meta.a", 'Meta["a-b"]', "Meta.c", "Port", "Address", "Kind"];
const more = ["TaggedAddresses", "TaggedAddresses.lan_ipv4.Port", "Weights.Warning", "EnableTagOverride", "Nope"];
const ofCheck = ["CheckID", "Name", "Status", "Notes", "Output", "ServiceTags", "Type", "ServiceName"];
const health = [
  ...[...ofService, ...more, "Connect.Native", "Proxy.Upstreams", "Tags.a"].map((name) => `Service.${name}`),
  ...ofCheck.map((name) => `Checks.${name}`),
  "Checks",
  "Node.Datacenter",
  "Node.Meta",
  "Service",
];
const catalog = [...ofService.slice(2, 8), ...more].map((name) => `Service${name}`);

const paths = {
  "/v1/health/service/": filters(health),
  "/v1/health/connect/": filters(health),
  "/v1/catalog/service/": filters(catalog),
  "/v1/catalog/connect/": filters(catalog),
  "/v1/health/checks/": filters(ofCheck),
} as const;

const question = fc.oneof(...Object.entries(paths).map(([path, filter]) => filter.map((filter) => ({ path, filter }))));

describe("random filters", () => {
  if (findConsul() === undefined) {
    it("are not compared on this machine", () => sayNotRun("filters against a real Consul"));
    return;
  }

  const both = besideConsul();

  it("find the same services and checks in both registries", async () => {
    let round = 0;
    let found = 0;
    let refused = 0;
    const property = fc.asyncProperty(
      fc.array(service, { minLength: 1, maxLength: maxServices }),
      fc.array(question, { minLength: filtersPerRound, maxLength: filtersPerRound }),
      async (services, questions) => {
        const name = `round${(round += 1)}`;
        const registries = [new Recorder(both.agent.url), new Recorder(both.consul.url)] as const;
        await Promise.all(registries.map((registry) => fill(registry, name, services)));
        for (const { path, filter } of questions) {
          const target = `${path}${name}?filter=${encodeURIComponent(filter)}`;
          const [ours, theirs] = await Promise.all(registries.map((registry) => registry.askQuietly("GET", target)));
          assert.ok(ours !== undefined && theirs !== undefined);
          assert.deepEqual([ours.status, seen(ours)], [theirs.status, seen(theirs)], `${path} ${filter}`);
          if (ours.status !== 200) refused += 1;
          else if ((ours.json as unknown[]).length > 0) found += 1;
        }
      },
    );
    await fc.assert(property, { numRuns: rounds, endOnFailure: true });
    assert.ok(found > rounds, `only ${found} filters found anything`);
    assert.ok(refused > rounds, `only ${refused} filters were refused`);
  }).timeout(timeoutMs);
});

type Registered = typeof service extends fc.Arbitrary<infer T> ? T : never;

async function fill(registry: Recorder, name: string, services: readonly Registered[]): Promise<void> {
  let checks = 0;
  for (const [number, described] of services.entries()) {
    checks += described.Checks.length;
    const body = { ...described, Name: name, ID: `${name}-${number}` };
    const { status, body: answer } = await registry.askQuietly("PUT", "/v1/agent/service/register", body);
    assert.equal(status, 200, answer);
  }
  await registry.until(`/v1/health/service/${name}`, (json) => (json as unknown[]).length === services.length);
  await registry.until(`/v1/health/checks/${name}`, (json) => (json as unknown[]).length === checks);
}

/** Which records came, by what names them; or what was said instead. */
function seen({ json, body }: { readonly json: unknown; readonly body: string }): unknown {
  if (!Array.isArray(json)) return body;
  const records = json as { Service?: { ID: string }; ServiceID?: string; CheckID?: string }[];
  const ids = records.map(({ Service, ServiceID, CheckID }) => CheckID ?? ServiceID ?? Service?.ID ?? "");
  return ids.sort((a, b) => a.localeCompare(b));
}
