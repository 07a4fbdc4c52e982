/**
 * More services than an agent takes connections, followed by one process through a real Consul with its default limits.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { after, afterEach, before, describe, it } from "mocha";
import type { Logger } from "../../sdk/src/call/logger.ts";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { consulDirectory } from "../../sdk/src/consul/consul-directory.ts";
import { ConsulHttp } from "../../sdk/src/consul/consul-http.ts";
import type { Directory, EndpointView } from "../../sdk/src/discovery/directory.ts";
import { Inbox } from "../support/inbox.ts";
import { findConsul, type RealConsul, sayNotRun, startConsul } from "../support/real-consul.ts";

const SERVICES = 250;
const INSTANCES = 2;
/** What Consul takes from one address by default. */
const CONNECTION_LIMIT = 200;
/** Waiting at the server, looking, and the one of this test's own fetch. */
const OUR_CONNECTIONS = 64 + 8;
/** Operations that a transaction of Consul 1.8 takes. */
const OPERATIONS = 64;
/** Services that are watched later than this wait at the server no more. */
const BEYOND = 70;
const CHANGES = 30;

interface Watched {
  readonly until: (wanted: (view: EndpointView) => boolean) => Promise<void>;
}

describe("250 services followed by one process through a real Consul", () => {
  let consul: RealConsul | undefined;
  let http: ConsulHttp;
  let directory: Directory;
  let held: Socket[] = [];
  let failures: string[] = [];
  let warnings = new Inbox<string>();

  before(async function () {
    this.timeout(120_000);
    if (findConsul() === undefined) {
      sayNotRun("many watches");
      return;
    }
    consul = await startConsul();
    await registerAll();
  });

  async function registerAll(): Promise<void> {
    await put("/v1/catalog/register", { Node: "many", Address: "127.0.0.1" });
    const operations = Array.from({ length: SERVICES * INSTANCES }, (_, at) =>
      instance(Math.floor(at / INSTANCES), at % INSTANCES),
    ).flat();
    for (let at = 0; at < operations.length; at += OPERATIONS) {
      await put("/v1/txn", operations.slice(at, at + OPERATIONS));
    }
  }

  after(() => consul?.close());

  afterEach(() => {
    directory?.close();
    http?.close();
    for (const socket of held) socket.destroy();
    held = [];
    failures = [];
    warnings = new Inbox();
  });

  const name = (number: number): string => `service-${number}`;

  function instance(service: number, number: number, status = "passing"): object[] {
    const ID = `${name(service)}-${number}`;
    const Service = { ID, Service: name(service), Address: "127.0.0.1", Port: 1 + number };
    return [
      { Service: { Verb: "set", Node: "many", Service } },
      {
        Check: { Verb: "set", Check: { Node: "many", CheckID: `c:${ID}`, Name: "c", Status: status, ServiceID: ID } },
      },
    ];
  }

  async function put(path: string, body: unknown): Promise<void> {
    const reply = await fetch(`${consul?.url}${path}`, { method: "PUT", body: JSON.stringify(body) });
    assert.equal(reply.status, 200, await reply.text());
  }

  function open(): void {
    http = new ConsulHttp({ url: consul?.url ?? "" }, systemClock);
    const failed = (service: string, kind: string): void => void failures.push(`${service}: ${kind}`);
    const observer = { confirmed: () => {}, failed, viewed: () => {}, closed: () => {} };
    const log = { info: () => {}, warn: (_fields: unknown, text: string) => warnings.put(text) };
    directory = consulDirectory(http, { clock: systemClock, observer, log: log as unknown as Logger });
  }

  function watch(service: number): Watched {
    const views = new Inbox<EndpointView>();
    directory.watch(name(service), (view) => views.put(view));
    let current: EndpointView | undefined;
    return {
      async until(wanted) {
        while (current === undefined || views.waiting > 0 || !wanted(current)) current = await views.next();
      },
    };
  }

  const live =
    (count: number) =>
    ({ freshness, endpoints }: EndpointView): boolean =>
      freshness === "live" && endpoints.length === count;

  async function allLive(): Promise<readonly Watched[]> {
    const all = Array.from({ length: SERVICES }, (_, number) => watch(number));
    await Promise.all(all.map(({ until }) => until(live(INSTANCES))));
    return all;
  }

  /** Sockets of this process, fetch's too. */
  function sockets(): number {
    const path = "/proc/self/fd";
    return readdirSync(path).filter((one) => {
      try {
        return readlinkSync(`${path}/${one}`).startsWith("socket:");
      } catch {
        return false;
      }
    }).length;
  }

  /** Milliseconds from before the write until the view shows it, for one change after the other. */
  async function changes(all: readonly Watched[], from: number, to: number): Promise<number[]> {
    const took: number[] = [];
    const measure = async (service: number, operations: unknown, count: number): Promise<void> => {
      const began = performance.now();
      await Promise.all([put("/v1/txn", operations), all[service]?.until(live(count))]);
      took.push(performance.now() - began);
    };
    for (let change = 0; change < CHANGES; change++) {
      const service = from + ((change * 7) % (to - from));
      await measure(service, instance(service, INSTANCES), INSTANCES + 1);
      await measure(service, instance(service, INSTANCES, "critical").slice(1), INSTANCES);
      const Service = { ID: `${name(service)}-${INSTANCES}`, Service: name(service) };
      await put("/v1/txn", instance(service, INSTANCES, "passing").slice(1));
      await all[service]?.until(live(INSTANCES + 1));
      await measure(service, [{ Service: { Verb: "delete", Node: "many", Service } }], INSTANCES);
    }
    return took.sort((a, b) => a - b);
  }

  it("stays below the agent's limit, and sees changes of those beyond it nearly as soon as of the others", async function () {
    if (consul === undefined) return;
    this.timeout(120_000);
    open();
    const before = sockets();
    const beganAt = performance.now();
    const all = await allLive();
    const startedIn = performance.now() - beganAt;
    const opened = sockets() - before;
    const alone = await changes(all, 0, 40);
    const beyond = await changes(all, BEYOND, SERVICES);
    const show = (of: readonly number[]): string =>
      [0.5, 0.99].map((share) => (of[Math.floor(share * (of.length - 1))] ?? Number.NaN).toFixed(1)).join(" / ");
    console.log(
      `      live in ${startedIn.toFixed(0)} ms on ${opened} sockets; change to view, p50 / p99: ${show(alone)} ms waiting at the server, ${show(beyond)} ms beyond`,
    );
    assert.ok(opened <= OUR_CONNECTIONS, `${opened} sockets`);
    assert.deepEqual(failures, []);
    assert.ok((beyond[Math.floor(beyond.length / 2)] ?? Infinity) < 500, "half of all changes took half a second");
  });

  it("sees in seconds what no check shows: changed metadata, and instances without checks", async function () {
    if (consul === undefined) return;
    this.timeout(60_000);
    open();
    const all = await allLive();
    const service = SERVICES - 1;
    const plain = { ID: "plain-1", Service: name(service), Address: "127.0.0.1", Port: 99 };
    await put("/v1/txn", [{ Service: { Verb: "set", Node: "many", Service: plain } }]);
    await all[service]?.until(live(INSTANCES + 1));
    await put("/v1/txn", [{ Service: { Verb: "set", Node: "many", Service: { ...plain, Meta: { version: "2" } } } }]);
    await all[service]?.until(({ endpoints }) => endpoints.some(({ version }) => version === "2"));
    await put("/v1/txn", [{ Service: { Verb: "delete", Node: "many", Service: plain } }]);
    await all[service]?.until(live(INSTANCES));
  });

  it("makes do with fewer connections where others have taken the agent's", async function () {
    if (consul === undefined) return;
    this.timeout(60_000);
    // Waits that were given up count until they are over, so those of the tests before would.
    await consul.close();
    consul = await startConsul();
    await registerAll();
    const { port } = consul;
    for (let taken = 0; taken < CONNECTION_LIMIT - 30; taken++) {
      const socket = createConnection({ host: "127.0.0.1", port });
      socket.on("error", () => {});
      await once(socket, "connect");
      held.push(socket);
    }
    open();
    const all = await allLive();
    const wanted = /takes no more connections: .* raise limits.http_max_conns_per_client/;
    let warning = await warnings.next();
    while (!wanted.test(warning)) warning = await warnings.next();
    await Promise.all(all.map(({ until }) => until(live(INSTANCES))));
    const service = SERVICES - 1;
    await put("/v1/txn", instance(service, INSTANCES));
    await all[service]?.until(live(INSTANCES + 1));
    await put("/v1/txn", [
      { Service: { Verb: "delete", Node: "many", Service: { ID: `${name(service)}-2`, Service: name(service) } } },
    ]);
    await all[service]?.until(live(INSTANCES));
  });
});
