/**
 * The agent with a token beside a Consul with access control, default deny and one management token: whoever holds the
 * token, shows none or shows another is answered alike.
 */
import assert from "node:assert/strict";
import { type RunningAgent, startAgent } from "@meshwork/agent";
import { findCurrentConsul } from "../support/current-consul.ts";
import { versionOf } from "../support/consul-version.ts";
import { notRun } from "../support/not-run.ts";
import { type Caller, type Recorded, Recorder } from "../support/parity-recorder.ts";
import { findConsul, type RealConsul, sayNotRun, startConsul } from "../support/real-consul.ts";
import {
  type Asked,
  authority,
  callers,
  furniture,
  identity,
  missing,
  nativeLists,
  requests,
  rootToken,
  ways,
} from "./access-requests.ts";
import { compareShapes } from "./compare.ts";
import { type VersionDifference, versionDifferences } from "./version-differences.ts";

type Both<T> = readonly [agent: T, consul: T];

interface Pair {
  readonly agent: RunningAgent;
  readonly consul: RealConsul;
}

async function startPair(binary: string | undefined): Promise<Pair> {
  assert.ok(binary !== undefined);
  const tokens = `${versionOf(binary).rootToken} = "${rootToken}", agent = "${rootToken}"`;
  const acl = `acl { enabled = true, default_policy = "deny", tokens { ${tokens} } }`;
  const [agent, consul] = await Promise.all([
    startAgent({ token: rootToken }),
    startConsul({ binary, args: ["-hcl", acl], token: rootToken }),
  ]);
  const recorders = [new Recorder(agent.url, callers.holder), new Recorder(consul.url, callers.holder)];
  for (const recorder of recorders) {
    for (const [method, path, body] of furniture) {
      assert.equal((await recorder.askQuietly(method, path, body)).status, 200, path);
    }
    await recorder.until("/v1/health/service/shop", (json) => Array.isArray(json) && json.length > 0);
  }
  return { agent, consul };
}

async function bothAsk(pair: Pair, caller: Caller, what: (recorder: Recorder) => Promise<unknown>) {
  const both: Both<Recorder> = [new Recorder(pair.agent.url, caller), new Recorder(pair.consul.url, caller)];
  await Promise.all(both.map(what));
  assert.ok(both[0].records.length > 0);
  return both;
}

/** Which permission is missing is said by some versions of some requests; the agent knows only one. */
function withoutPermission(record: Recorded): Recorded {
  const { body, status } = record;
  return status === 403 && typeof body === "string"
    ? { ...record, body: body.replace(/^(Permission denied): .*/, "$1") }
    : record;
}

const all =
  (asked: readonly Asked[]) =>
  async (recorder: Recorder): Promise<void> => {
    for (const [method, path, body] of asked) await recorder.ask(method, path, body);
  };

const absent = "11111111-2222-4333-8444-555555555555";

/** Who may not do something is told so before anything else is looked at; Consul is wordier, to the anonymous. */
const knownDifferences: readonly {
  readonly request: readonly ["GET" | "PUT", string, unknown?];
  readonly agent: number;
  readonly consul: number;
  readonly why: string;
}[] = [
  ...(["/v1/agent/service/absent", "/v1/agent/health/service/id/absent"] as const).map((path) => ({
    request: ["GET", path] as const,
    agent: 403,
    consul: 404,
    why: "what is there is no business of theirs",
  })),
  ...(["service/deregister/absent", "check/deregister/absent", "check/pass/absent"] as const).map((path) => ({
    request: ["PUT", `/v1/agent/${path}`] as const,
    agent: 403,
    consul: 500,
    why: "what is there is no business of theirs",
  })),
  {
    request: ["PUT", `/v1/session/renew/${absent}`],
    agent: 403,
    consul: 404,
    why: "what is there is no business of theirs",
  },
  {
    request: ["PUT", `/v1/session/destroy/${absent}`],
    agent: 403,
    consul: 200,
    why: "what is there is no business of theirs",
  },
  {
    request: ["PUT", "/v1/agent/service/register", "{"],
    agent: 403,
    consul: 400,
    why: "their bodies are not read",
  },
  { request: ["PUT", "/v1/kv/", "v"], agent: 403, consul: 400, why: "their mistakes are not looked for" },
  { request: ["GET", "/v1/coordinate/nodes"], agent: 403, consul: 200, why: "there are no coordinates here" },
  {
    request: ["GET", "/v1/acl/token/self?token=anonymous"],
    agent: 403,
    consul: 200,
    why: "there is no token of theirs to show",
  },
];

describe("the agent with a token beside a real Consul with access control", function () {
  this.timeout(60_000);

  if (findConsul() === undefined) {
    it("is not compared on this machine", () => sayNotRun("parity of access control"));
    return;
  }

  let pair: Pair;

  before(async () => {
    pair = await startPair(findConsul());
  });

  after(async () => {
    await Promise.all([pair?.agent.close(), pair?.consul.close()]);
  });

  const alike = ([ours, theirs]: Both<Recorder>): void => {
    ours.records.forEach((record, step) => {
      const other = theirs.records[step];
      assert.ok(other !== undefined);
      assert.deepEqual(withoutPermission(record), withoutPermission(other), `step ${step}: ${record.request}`);
    });
    assert.equal(ours.records.length, theirs.records.length);
  };

  it("shows whoever has no token nothing, and does nothing for them", async () => {
    alike(await bothAsk(pair, callers.anonymous, all([...identity, ...requests])));
  });

  it("shows whoever has no token no native instances, whoever leads", async () => {
    const [ours, theirs] = await bothAsk(pair, callers.anonymous, all(nativeLists));
    const bare = ({ records }: Recorder): unknown => records.map(({ status, body }) => ({ status, body }));
    assert.deepEqual(bare(ours), bare(theirs));
  });

  it("gives everybody the roots of the mesh, and certificates to who holds the token", async () => {
    const ask = async (recorder: Recorder): Promise<void> => {
      for (const [method, path, body] of authority) {
        const { status, body: said } = await recorder.askQuietly(method, path, body);
        recorder.note(`${method} ${path}`, { status, said: status === 403 ? said : "" });
      }
    };
    for (const caller of [callers.anonymous, callers.stranger, callers.holder]) {
      alike(await bothAsk(pair, caller, ask));
    }
  });

  it("refuses an unknown token", async () => {
    alike(await bothAsk(pair, callers.stranger, all([...identity, ...nativeLists, ...requests])));
  });

  it("finds the token wherever Consul looks for it", async () => {
    for (const [path, headers] of ways) {
      const caller = { name: `${JSON.stringify(headers)} `, headers };
      alike(await bothAsk(pair, caller, (recorder) => recorder.get(path)));
    }
  });

  it("says whose token it is to who holds it, and to nobody else", async () => {
    const self = async (recorder: Recorder): Promise<void> => {
      const { status, body, json } = await recorder.askQuietly("GET", "/v1/acl/token/self");
      const { AccessorID, SecretID, Policies } = (json ?? {}) as Record<string, unknown>;
      recorder.note("token/self", { status, body: json === undefined ? body : typeof AccessorID, SecretID, Policies });
      if (status === 200) await recorder.get("/v1/acl/token/self");
    };
    for (const caller of Object.values(callers)) alike(await bothAsk(pair, caller, self));
  });

  it("keeps what it does not have from everybody else too", async () => {
    const ask = async (recorder: Recorder): Promise<void> => {
      for (const [method, path, body] of missing) {
        const { status, body: said } = await recorder.askQuietly(method, path, body);
        recorder.note(`${method} ${path}`, { status, said: said.replace(/:.*/, "") });
      }
    };
    alike(await bothAsk(pair, callers.anonymous, ask));
    alike(await bothAsk(pair, callers.stranger, ask));
    for (const [method, path, body] of missing) {
      const { status } = await new Recorder(pair.agent.url, callers.holder).askQuietly(method, path, body);
      assert.equal(status, 501, path);
    }
  });

  for (const { request, agent: ourStatus, consul: theirStatus, why } of knownDifferences) {
    const [method, path, body] = request;
    it(`differs knowingly without a token: ${method} ${path} is ${ourStatus}, not ${theirStatus}, because ${why}`, async () => {
      const [ours, theirs] = await bothAsk(pair, callers.anonymous, (recorder) => recorder.ask(method, path, body));
      assert.deepEqual([ours.records[0]?.status, theirs.records[0]?.status], [ourStatus, theirStatus]);
    });
  }

  it("does everything for who holds the token", async () => {
    alike(await bothAsk(pair, callers.holder, all([...nativeLists, ...requests])));
  });
});

/** As version-differences.ts, of what is refused. */
const accessDifferences: readonly VersionDifference[] = [
  {
    request: /^the holder: GET .v1.config.$/,
    difference: /^body has \d+ items, not \d+$/,
    why: "intentions are config entries since 1.9",
  },
  {
    request: /^the anonymous: GET .v1.health.connect./,
    difference: /^status 403, not 200$/,
    why: "who may not read a service is not shown an empty list of its native instances since 1.16",
  },
  {
    request: /^a stranger: GET .*[?]index=/,
    difference: /^status 200, not 403$/,
    why: "a watch by a stranger ends in an empty list after its wait, with index 1, since watches are streams",
  },
];

describe("the agent with a token beside a current Consul with access control", function () {
  this.timeout(60_000);

  const binary = findCurrentConsul();
  if (binary === undefined) {
    it("is not compared on this machine", () =>
      notRun("parity of access control", "current-consul", "run npm run test:registry, which builds one with Go"));
    return;
  }

  it("has the same shape for everybody, but for what is listed", async () => {
    const pair = await startPair(binary);
    try {
      const met = new Set<VersionDifference>();
      for (const caller of [callers.anonymous, callers.stranger, callers.holder]) {
        const both = await bothAsk(pair, caller, all([...nativeLists, ...requests]));
        const { known, unknown } = compareShapes(...both, [...accessDifferences, ...versionDifferences]);
        assert.deepEqual(unknown, []);
        for (const rule of known) met.add(rule);
      }
      assert.deepEqual(
        accessDifferences.filter((rule) => !met.has(rule)).map(({ why }) => why),
        [],
      );
    } finally {
      await Promise.all([pair.agent.close(), pair.consul.close()]);
    }
  });
});
