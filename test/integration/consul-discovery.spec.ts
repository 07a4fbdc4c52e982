/**
 * Registration and discovery through a registry that really runs: our own agent, and a real Consul where there is one.
 * The same code, the same expectations.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { startAgent } from "@meshwork/agent";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { MeshError } from "../../sdk/src/call/mesh-error.ts";
import { agentSelf, maintenanceOf, registerService } from "../../sdk/src/consul/agent-api.ts";
import { catalogServices, healthService } from "../../sdk/src/consul/catalog-api.ts";
import { consulDirectory } from "../../sdk/src/consul/consul-directory.ts";
import { ConsulHttp } from "../../sdk/src/consul/consul-http.ts";
import { consulRegistration } from "../../sdk/src/consul/consul-registration.ts";
import type { Directory, EndpointView } from "../../sdk/src/discovery/directory.ts";
import type { Registered, ServiceInstance } from "../../sdk/src/discovery/registration.ts";
import { Inbox } from "../support/inbox.ts";
import { findConsul, sayNotRun, startConsul } from "../support/real-consul.ts";

interface Registry {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
  /** Ends as in a crash; everything it knew is gone. */
  crash(): Promise<void>;
}

type StartRegistry = (port?: number) => Promise<Registry>;

async function startOurs(port = 0): Promise<Registry> {
  const agent = await startAgent({ port });
  const close = (): Promise<void> => agent.close();
  return { url: agent.url, port: agent.port, close, crash: close };
}

async function startReal(port?: number): Promise<Registry> {
  const consul = await startConsul(port === undefined ? {} : { httpPort: port });
  return { url: consul.url, port: consul.port, close: () => consul.close(), crash: () => consul.kill() };
}

discoveryThrough("our agent", startOurs);
if (findConsul() === undefined) {
  describe("discovery through a real Consul", () => {
    it("is tested where there is one", () => sayNotRun("discovery"));
  });
} else {
  discoveryThrough("a real Consul", startReal);
}

function discoveryThrough(name: string, start: StartRegistry): void {
  describe(`discovery through ${name}`, () => {
    let registry: Registry;
    let http: ConsulHttp;
    let directory: Directory;
    let kept: Registered[];
    let serial = 0;

    before(async function () {
      this.timeout(60_000);
      registry = await start();
    });

    after(() => registry.close());

    beforeEach(() => {
      http = new ConsulHttp({ url: registry.url }, systemClock);
      directory = consulDirectory(http, { clock: systemClock });
      kept = [];
      serial++;
    });

    afterEach(async () => {
      await Promise.all(kept.map((one) => one.deregister()));
      directory.close();
      http.close();
    });

    const service = () => `greeter-${serial}`;

    function instance(number: number, change: Partial<ServiceInstance> = {}): ServiceInstance {
      return {
        name: service(),
        id: `${service()}-${number}`,
        address: { host: "127.0.0.1", port: 50_000 + number },
        weight: 1,
        tags: [],
        metadata: {},
        ...change,
      };
    }

    async function register(one: ServiceInstance, ttlMs = 10_000): Promise<Registered> {
      const registered = await consulRegistration(http, { clock: systemClock, ttlMs }).register(one);
      kept.push(registered);
      return registered;
    }

    /** An instance whose heartbeat nobody sends. */
    function registerSilently(number: number, ttl: string): Promise<void> {
      const { id, name, address } = instance(number);
      const Check = {
        CheckID: `service:${id}`,
        Name: "silent",
        TTL: ttl,
        Status: "passing",
        DeregisterCriticalServiceAfter: "1m",
      } as const;
      const shown = { ID: id, Name: name, Address: address.host, Port: address.port, Tags: [], Meta: {} };
      return registerService(http, { ...shown, Weights: { Passing: 1, Warning: 1 }, Check }, "keep");
    }

    function watch() {
      const views = new Inbox<EndpointView>();
      const all: EndpointView[] = [];
      directory.watch(service(), (view) => {
        all.push(view);
        views.put(view);
      });
      const until = async (wanted: (view: EndpointView) => boolean): Promise<EndpointView> => {
        let view = await views.next();
        while (!wanted(view)) view = await views.next();
        return view;
      };
      const shows = (freshness: string, ...numbers: number[]) =>
        until((view) => {
          const ids = numbers.map((number) => `${service()}-${number}`);
          return view.freshness === freshness && view.endpoints.map(({ id }) => id).join() === ids.join();
        });
      return { shows, until, all };
    }

    it("shows an instance as it was registered, and no longer when it has left", async () => {
      const { shows } = watch();
      await shows("live");
      const change = { zone: "z1", version: "1.0", weight: 3, tags: ["grpc"], metadata: { team: "x" } };
      const first = await register(instance(1, change));
      const { endpoints } = await shows("live", 1);
      assert.deepEqual(endpoints[0], {
        id: `${service()}-1`,
        address: { host: "127.0.0.1", port: 50_001 },
        weight: 3,
        zone: "z1",
        version: "1.0",
        metadata: { team: "x" },
      });
      await register(instance(2, { address: { host: "::1", port: 1 } }));
      const both = await shows("live", 1, 2);
      assert.equal(both.endpoints[1]?.address.host, "::1");
      await first.deregister();
      await shows("live", 2);
    });

    it("is listed once register() has resolved, for those who ask once too", async () => {
      await register(instance(1));
      assert.deepEqual(
        (await healthService(http, service())).map(({ id }) => id),
        [`${service()}-1`],
      );
      assert.ok((await catalogServices(http)).has(service()));
      assert.match((await agentSelf(http)).version, /^\d+\.\d+/);
    });

    it("follows a check that fails and passes again", async () => {
      const { shows } = watch();
      await register(instance(1));
      await register(instance(2));
      await shows("live", 1, 2);
      await put(`/v1/agent/check/fail/service:${service()}-1`);
      await shows("live", 2);
      await put(`/v1/agent/check/pass/service:${service()}-1`);
      await shows("live", 1, 2);
    });

    it("leaves an instance in maintenance until that is ended, whoever registers it again", async () => {
      const { shows } = watch();
      await register(instance(1));
      await shows("live", 1);
      await put(`/v1/agent/service/maintenance/${service()}-1?enable=true&reason=repair`);
      await shows("live");
      await register(instance(1));
      assert.equal(await maintenanceOf(http, `${service()}-1`), "on");
      await put(`/v1/agent/service/maintenance/${service()}-1?enable=false`);
      await shows("live", 1);
      assert.equal(await maintenanceOf(http, `${service()}-1`), "off");
      assert.equal(await maintenanceOf(http, "nobody"), "unregistered");
    });

    it("keeps the last instance for five seconds when its check fails, as if all had failed at once", async () => {
      const { shows, until } = watch();
      await registerSilently(1, "60s");
      await shows("live", 1);
      const failedAt = performance.now();
      await put(`/v1/agent/check/fail/service:${service()}-1`);
      const { error } = await shows("stale", 1);
      assert.match(String(error), /lists none of .* any more/);
      await until(({ freshness, endpoints }) => freshness === "live" && endpoints.length === 0);
      const afterMs = performance.now() - failedAt;
      assert.ok(afterMs > 4_900 && afterMs < 8_000, `given up after ${afterMs} ms`);
    });

    it("gives up the last instance soon when it has deregistered", async () => {
      const { shows } = watch();
      const only = await register(instance(1));
      await shows("live", 1);
      const leftAt = performance.now();
      await only.deregister();
      await shows("live");
      const afterMs = performance.now() - leftAt;
      assert.ok(afterMs < 2_000, `given up after ${afterMs} ms`);
    });

    it("drops an instance whose heartbeats have stopped, and keeps one whose go on", async () => {
      const { shows } = watch();
      await register(instance(1), 1_000);
      await registerSilently(2, "1.5s");
      await shows("live", 1, 2);
      await shows("live", 1);
      await put(`/v1/agent/service/deregister/${service()}-2`);
    });

    it("tells of a change within milliseconds", async () => {
      const { shows } = watch();
      await register(instance(1));
      await register(instance(2));
      await shows("live", 1, 2);
      const took: number[] = [];
      for (let round = 0; round < 15; round++) {
        for (const [verb, numbers] of [
          ["fail", [2]],
          ["pass", [1, 2]],
        ] as const) {
          const changedAt = performance.now();
          const seen = shows("live", ...numbers);
          await put(`/v1/agent/check/${verb}/service:${service()}-1`);
          await seen;
          took.push(performance.now() - changedAt);
        }
      }
      took.sort((a, b) => a - b);
      const at = (share: number) => took[Math.floor(share * (took.length - 1))]?.toFixed(1);
      console.log(
        `      change to listener, ${took.length} check flips: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms`,
      );
      assert.ok(took[Math.floor(took.length / 2)]! < 500, "half of all changes took longer than half a second");
    });

    it("keeps endpoints through a crash that forgets everything, and is live again when all have registered", async function () {
      this.timeout(60_000);
      const { shows, all } = watch();
      await register(instance(1), 1_500);
      await register(instance(2), 1_500);
      await shows("live", 1, 2);
      const known = all.length - 1;
      await registry.crash();
      const { error } = await shows("stale", 1, 2);
      assert.ok(error instanceof MeshError);
      assert.equal(error.code, "UNAVAILABLE");
      const startedAt = performance.now();
      registry = await start(registry.port);
      await shows("live", 1, 2);
      console.log(`      live again ${(performance.now() - startedAt).toFixed(0)} ms after the restart began`);
      assert.deepEqual(new Set(all.slice(known).map(({ endpoints }) => endpoints.length)), new Set([2]));
      await kept.pop()?.deregister();
      await shows("live", 1);
    });

    it("starts to watch without a registry and follows it when it comes; registering says what is wrong", async function () {
      this.timeout(60_000);
      await registry.crash();
      const { shows, until } = watch();
      const { error } = await until(({ freshness }) => freshness === "stale");
      assert.match(String(error), /ECONNREFUSED\): start one .* or set CONSUL_HTTP_ADDR/);
      await assert.rejects(register(instance(1)), (failure) => {
        assert.ok(failure instanceof MeshError);
        assert.equal(failure.code, "UNAVAILABLE");
        return true;
      });
      registry = await start(registry.port);
      await shows("live");
      await register(instance(1));
      await shows("live", 1);
    });

    it("lets a process end that does nothing but watch and keep itself registered", async () => {
      const one = instance(1);
      const script = `
        import { systemClock } from "${new URL("../../sdk/src/call/clock.ts", import.meta.url).href}";
        import { ConsulHttp } from "${new URL("../../sdk/src/consul/consul-http.ts", import.meta.url).href}";
        import { consulDirectory } from "${new URL("../../sdk/src/consul/consul-directory.ts", import.meta.url).href}";
        import { consulRegistration } from "${new URL("../../sdk/src/consul/consul-registration.ts", import.meta.url).href}";
        const http = new ConsulHttp({ url: ${JSON.stringify(registry.url)} }, systemClock);
        await consulRegistration(http, { clock: systemClock }).register(${JSON.stringify(one)});
        consulDirectory(http, { clock: systemClock }).watch(${JSON.stringify(one.name)}, () => {});
        console.log("watching");`;
      const node = ["--conditions=meshwork-source", "--import", "tsx", "--input-type=module", "-e", script];
      const child = spawn(process.execPath, node, { stdio: ["ignore", "pipe", "inherit"] });
      const [[code], [said]] = await Promise.all([once(child, "exit"), once(child.stdout, "data")]);
      assert.equal(String(said), "watching\n");
      assert.equal(code, 0);
      await put(`/v1/agent/service/deregister/${one.id}`);
    });

    async function put(path: string): Promise<void> {
      const reply = await fetch(`${registry.url}${path}`, { method: "PUT" });
      assert.equal(reply.status, 200, await reply.text());
    }
  });
}
