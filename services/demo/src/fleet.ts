/** The instances of a run: three greeters and two translators, each a process. */
import { InstanceProcess } from "./instance-process.ts";
import { readListing } from "./listing.ts";
import type { Registry } from "./registry.ts";
import { ask } from "./registry-http.ts";

export const FLEET = { greeter: ["1", "2", "3"], translator: ["1", "2"] } as const;

const REGISTRY_WITHIN_MS = 2_000;
/** Where instances listen is theirs to find out: five cannot share what was meant for one. */
const NOT_INHERITED = new Set(["MESH_SERVICE", "MESH_HOST", "MESH_PORT", "MESH_ADVERTISE_HOST", "MESH_ADMIN_PORT"]);

export class Fleet {
  readonly #registry: Registry;
  readonly #instances = new Map<string, InstanceProcess>();
  readonly #crashed: (instance: InstanceProcess) => void;

  /** @param crashed told of an instance that has ended without being asked to. */
  constructor(registry: Registry, crashed: (instance: InstanceProcess) => void) {
    this.#registry = registry;
    this.#crashed = crashed;
  }

  /**
   * Starts every instance; resolves once all of them serve and are registered. Rejects when one fails, or when its id is
   * another's; stop() then ends what was started.
   */
  async start(): Promise<void> {
    await this.#refuseOthers();
    const members = Object.entries(FLEET).flatMap(([service, names]) => names.map((name) => ({ service, name })));
    await Promise.all(members.map(({ service, name }) => this.#start(service, name)));
  }

  get(id: string): InstanceProcess | undefined {
    return this.#instances.get(id);
  }

  /** Starts an instance in place of one that has ended. */
  restart(id: string): Promise<void> {
    const at = id.lastIndexOf("-");
    return this.#start(id.slice(0, at), id.slice(at + 1));
  }

  /** Lets every instance leave. Resolves when all are gone; the registry then lists none of them. */
  async stop(): Promise<void> {
    const instances = [...this.#instances.values()];
    await Promise.all(instances.map((instance) => instance.leave()));
    const dead = instances.filter(({ left }) => !left);
    await Promise.all(dead.map(({ id }) => this.#deregister(id)));
  }

  #start(service: string, name: string): Promise<void> {
    const { env } = this.#registry;
    const kept = Object.fromEntries(Object.entries(env).filter(([key]) => !NOT_INHERITED.has(key)));
    const logs = { MESH_LOG_LEVEL: env["MESH_LOG_LEVEL"] || "warn" };
    const instance = new InstanceProcess({ service, name, env: { ...kept, ...logs, MESH_INSTANCE: name } });
    this.#instances.set(instance.id, instance);
    const serving = instance.serving();
    void serving
      .then(() => instance.ended())
      .then(
        () => instance.leaving || this.#crashed(instance),
        () => {},
      );
    return serving;
  }

  /** Two instances of one id replace each other in the registry, again and again. */
  async #refuseOthers(): Promise<void> {
    for (const [service, names] of Object.entries(FLEET)) {
      const { text } = await ask(this.#registry.consul, {
        path: `/v1/health/service/${service}?passing=1`,
        timeoutMs: REGISTRY_WITHIN_MS,
      });
      const ids = new Set(names.map((name) => `${service}-${name}`));
      const other = readListing(text).find(({ id }) => ids.has(id));
      if (other === undefined) continue;
      throw new Error(
        `${other.id} is registered already, at ${other.address}: end the demo that runs there, wait 10 s if it was killed, ` +
          `or set CONSUL_HTTP_ADDR to another Consul`,
      );
    }
  }

  /** Who was killed could not say goodbye; nobody else would be there to see its check run out. */
  async #deregister(id: string): Promise<void> {
    const path = `/v1/agent/service/deregister/${id}`;
    await ask(this.#registry.consul, { method: "PUT", path, timeoutMs: REGISTRY_WITHIN_MS }).catch(() => {});
  }
}
