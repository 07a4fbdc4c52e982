/**
 * A Consul cluster as production has it, on loopback: three servers, and a client agent that programs speak to. Every
 * node has an address of its own in 127.0.0.0/8, as machines have; raft elects as fast as it can (raft_multiplier 1, what
 * Consul's manual asks of production too, https://developer.hashicorp.com/consul/docs/install/performance).
 */
import { mkdtemp, rm } from "node:fs/promises";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ConsulNode } from "./consul-node.ts";
import { versionOf } from "./consul-version.ts";
import { freePorts } from "./free-port.ts";
import { findConsul } from "./real-consul.ts";

export interface ClusterOptions {
  /** "deny": nothing without a token but for {@link ROOT_TOKEN}, which those who bring none act as. */
  readonly access?: "open" | "deny";
  /** Which of the clusters that run beside each other, 0 to 24: each has addresses of its own. Default 0. */
  readonly lane?: number;
}

/** May do everything in a cluster that denies by default. */
export const ROOT_TOKEN = "5ca1ab1e-0000-4000-8000-000000000000";

const SERVERS = 3;
const PORTS_OF_A_NODE = 3;
const ADDRESSES_OF_A_LANE = 10;
/** Four processes that start at once on a busy machine of two cores. */
const READY_WITHIN_MS = 60_000;
const POLL_MS = 50;

const EVERY_NODE = [
  "disable_update_check = true",
  "performance { raft_multiplier = 1 }",
  // A second, where the manual's thirty would be half of a test.
  'retry_interval = "1s"',
];

/** Every kind of token is the one that may do everything. */
function denying(binary: string): string {
  const kinds = [versionOf(binary).rootToken, "agent", "default"];
  const tokens = kinds.map((kind) => `${kind} = "${ROOT_TOKEN}"`).join(", ");
  return `acl { enabled = true, default_policy = "deny", tokens { ${tokens} } }`;
}

export class ConsulCluster {
  readonly servers: readonly ConsulNode[];
  /** The client agent. */
  readonly agent: ConsulNode;
  readonly #folder: string;
  readonly #access: "open" | "deny";
  readonly #removeOnExit: () => void;

  private constructor(servers: readonly ConsulNode[], agent: ConsulNode, folder: string, access: "open" | "deny") {
    this.#access = access;
    this.servers = servers;
    this.agent = agent;
    this.#folder = folder;
    this.#removeOnExit = () => rmSync(folder, { recursive: true, force: true });
    process.once("exit", this.#removeOnExit);
  }

  /** Resolves once every node is in the catalog; leaves nothing behind when that fails. */
  static async start({ access = "open", lane = 0 }: ClusterOptions = {}): Promise<ConsulCluster> {
    const binary = findConsul();
    if (binary === undefined) throw new Error("consul was not found: set CONSUL_BIN or put consul on PATH");
    const folder = await mkdtemp(join(tmpdir(), "mesh-consul-"));
    const ports = await freePorts((SERVERS + 1) * PORTS_OF_A_NODE);
    const [servers, agent] = layOut({ binary, folder, ports, access, lane });
    const cluster = new ConsulCluster(servers, agent, folder, access);
    try {
      await Promise.all(cluster.nodes.map((node) => node.start()));
      await cluster.ready();
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  get nodes(): readonly ConsulNode[] {
    return [...this.servers, this.agent];
  }

  /** The server that leads now, as the servers that run say; rejects when they have none. */
  async leader(): Promise<ConsulNode> {
    for (const node of this.servers.filter(({ running }) => running)) {
      const address = await leaderKnownTo(node).catch(() => "");
      const leader = this.servers.find(({ serverAddress }) => serverAddress === address);
      if (leader?.running === true) return leader;
    }
    throw new Error("cluster has no leader");
  }

  /** Waits until the agent reaches a leader, and every node is in the catalog with its gossip alive. */
  async ready(): Promise<void> {
    await until(
      "every node is in the catalog and alive",
      () => this.#complete(),
      READY_WITHIN_MS,
      () => this.#logs(),
    );
  }

  /** Ends every process, by its pid, and removes their data. */
  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    process.removeListener("exit", this.#removeOnExit);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #complete(): Promise<boolean> {
    const dead = this.nodes.find(({ running }) => !running);
    if (dead !== undefined) throw new Error(`${dead.name} has ended by itself; its log ends with:\n${dead.log}`);
    if ((await leaderKnownTo(this.agent)) === "") return false;
    const reply = await this.agent.request("/v1/health/state/passing");
    if (!reply.ok) return false;
    if (this.#access === "deny" && !(await this.#knowsTokens())) return false;
    const checks = (await reply.json()) as readonly { readonly Node: string; readonly CheckID: string }[];
    return this.nodes.every(({ name }) => checks.some((one) => one.Node === name && one.CheckID === "serfHealth"));
  }

  /** A cluster begins with the tokens of before 1.4, and every node finds out by itself when all are beyond that. */
  async #knowsTokens(): Promise<boolean> {
    const replies = await Promise.all(this.nodes.map((node) => node.request("/v1/acl/policies")));
    return replies.every(({ ok }) => ok);
  }

  #logs(): string {
    return this.nodes.map(({ name, log }) => `${name}:\n${log.slice(-1_000)}`).join("\n");
  }
}

/** Asks until the answer is yes; an error counts as no. Rejects when the time is over. */
export async function until(
  what: string,
  ask: () => boolean | Promise<boolean>,
  withinMs: number,
  explain: () => string = () => "",
): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  let why = "";
  for (;;) {
    try {
      if (await ask()) return;
    } catch (error) {
      why = ` (${error instanceof Error ? error.message : String(error)})`;
    }
    if (performance.now() > giveUpAt) {
      throw new Error(`it did not come true within ${withinMs} ms that ${what}${why}\n${explain()}`.trim());
    }
    await delay(POLL_MS);
  }
}

async function leaderKnownTo(node: ConsulNode): Promise<string> {
  const reply = await node.request("/v1/status/leader");
  return reply.ok ? ((await reply.json()) as string) : "";
}

interface Plan extends Required<ClusterOptions> {
  readonly binary: string;
  readonly folder: string;
  readonly ports: readonly number[];
}

function layOut({ binary, folder, ports, access, lane }: Plan): [servers: readonly ConsulNode[], agent: ConsulNode] {
  // 127.0.0.1 is left to the programs under test, so that no log can mistake one for the other.
  const places = Array.from({ length: SERVERS + 1 }, (_, at) => {
    const [http = 0, serf = 0, server = 0] = ports.slice(at * PORTS_OF_A_NODE);
    return { address: `127.0.0.${lane * ADDRESSES_OF_A_LANE + at + 2}`, ports: { http, serf, server } };
  });
  const join = places.slice(0, SERVERS).flatMap(({ address, ports }) => ["-retry-join", `${address}:${ports.serf}`]);
  const settings = [...EVERY_NODE, ...(access === "deny" ? [denying(binary)] : [])].flatMap((hcl) => ["-hcl", hcl]);
  const nodes = places.map(({ address, ports }, at) => {
    const isServer = at < SERVERS;
    const name = isServer ? `server-${at + 1}` : "agent";
    const role = isServer ? ["-server", "-bootstrap-expect", String(SERVERS)] : [];
    return new ConsulNode({
      binary,
      name,
      address,
      ports,
      folder: `${folder}/${name}`,
      args: [...role, ...join, ...settings],
    });
  });
  return [nodes.slice(0, SERVERS), nodes[SERVERS] as ConsulNode];
}
