/**
 * An agent of a real Consul cluster that is killed and comes back with its data: what was registered with it is there, and
 * well, before anybody registers it again. Callers watch a server meanwhile, which goes on answering.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { registerService } from "../../sdk/src/consul/agent-api.ts";
import { consulDirectory } from "../../sdk/src/consul/consul-directory.ts";
import { ConsulHttp } from "../../sdk/src/consul/consul-http.ts";
import { consulRegistration } from "../../sdk/src/consul/consul-registration.ts";
import type { EndpointView } from "../../sdk/src/discovery/directory.ts";
import type { ServiceInstance, UpkeepEvent } from "../../sdk/src/discovery/registration.ts";
import { VirtualClock } from "../../sdk/src/testing/virtual-clock.ts";
import { ConsulCluster, until } from "../support/consul-cluster.ts";
import { Inbox } from "../support/inbox.ts";
import { findConsul, sayNotRun } from "../support/real-consul.ts";

/** Addresses that no other test has. */
const LANE = 24;
/** An agent that has been killed reads its data and joins the others again. */
const BACK_WITHIN_MS = 30_000;

interface SeenCheck {
  readonly CheckID: string;
  readonly Status: string;
}

function instance(name: string): ServiceInstance {
  const address = { host: "127.0.0.1", port: 50_001 };
  return { name, id: `${name}-1`, address, weight: 1, tags: [], metadata: {} };
}

if (findConsul() === undefined) {
  describe("an agent that comes back with its data", () => {
    it("is tested where there is a Consul", () => sayNotRun("the restart of an agent"));
  });
} else {
  describe("an agent that comes back with its data", function () {
    this.timeout(120_000);
    let cluster: ConsulCluster;
    let http: ConsulHttp;

    before(async () => {
      cluster = await ConsulCluster.start({ lane: LANE });
      http = new ConsulHttp({ url: cluster.agent.url }, systemClock);
    });

    after(async () => {
      http?.close();
      await cluster?.close();
    });

    async function restart(): Promise<void> {
      await cluster.agent.kill();
      await cluster.agent.start();
    }

    /** The agent's own checks, as soon as it answers. */
    async function firstChecks(): Promise<Readonly<Record<string, SeenCheck>>> {
      let checks: Readonly<Record<string, SeenCheck>> = {};
      await until(
        "the agent answers",
        async () => {
          const reply = await cluster.agent.request("/v1/agent/checks");
          checks = (await reply.json()) as typeof checks;
          return reply.ok;
        },
        BACK_WITHIN_MS,
      );
      return checks;
    }

    it("has an instance passing that nobody has beaten since, but not one that never was", async () => {
      // No timer fires: what comes back is what register() has left behind.
      const registration = consulRegistration(http, { clock: new VirtualClock() });
      const registered = await registration.register(instance("beaten"));
      const { id, name, address } = instance("silent");
      const Check = {
        CheckID: `service:${id}`,
        Name: "silent",
        TTL: "60s",
        Status: "passing",
        DeregisterCriticalServiceAfter: "1m",
      } as const;
      const silent = { ID: id, Name: name, Address: address.host, Port: address.port, Tags: [], Meta: {} };
      await registerService(http, { ...silent, Weights: { Passing: 1, Warning: 1 }, Check }, "keep");

      await restart();
      const checks = await firstChecks();
      assert.equal(checks["service:beaten-1"]?.Status, "passing");
      assert.equal(checks["service:silent-1"]?.Status, "critical");
      await registered.deregister();
    });

    it("is beaten again soon, and no caller loses the instance, nor sees it unwell", async () => {
      const upkeep = new Inbox<UpkeepEvent>();
      const registration = consulRegistration(http, { clock: systemClock });
      const registered = await registration.register(instance("kept"), (event) => upkeep.put(event));
      const server = cluster.servers[0];
      assert.ok(server !== undefined);
      const statuses = new StatusWatch(`${server.url}/v1/health/checks/kept`);
      const watching = new ConsulHttp({ url: server.url }, systemClock);
      const directory = consulDirectory(watching, { clock: systemClock });
      const views: EndpointView[] = [];
      const begun = new Inbox<EndpointView>();
      directory.watch("kept", (view) => {
        views.push(view);
        begun.put(view);
      });
      assert.equal((await begun.next()).endpoints.length, 1);

      await cluster.agent.kill();
      assert.equal(await upkeep.next(), "failing");
      await cluster.agent.start();
      const backAt = performance.now();
      assert.equal(await upkeep.next(), "registered");
      console.log(`      beaten ${(performance.now() - backAt).toFixed(0)} ms after the agent was started again`);
      await cluster.ready();

      assert.deepEqual(new Set(views.map(({ endpoints }) => endpoints.length)), new Set([1]));
      assert.deepEqual(await statuses.end(), new Set(["passing"]));
      directory.close();
      watching.close();
      await registered.deregister();
    });
  });
}

/** Every status that checks under a path of Consul's have had. */
class StatusWatch {
  readonly #seen = new Set<string>();
  readonly #ended = new AbortController();
  readonly #watching: Promise<void>;

  constructor(url: string) {
    this.#watching = this.#watch(url);
  }

  async end(): Promise<ReadonlySet<string>> {
    this.#ended.abort();
    await this.#watching;
    return this.#seen;
  }

  async #watch(url: string): Promise<void> {
    const { signal } = this.#ended;
    let index = "0";
    while (!signal.aborted) {
      try {
        const reply = await fetch(`${url}?index=${index}&wait=60s`, { signal });
        const checks = (await reply.json()) as readonly SeenCheck[];
        for (const { Status } of checks) this.#seen.add(Status);
        if (checks.length === 0) this.#seen.add("none");
        index = reply.headers.get("x-consul-index") ?? "0";
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    }
  }
}
