/**
 * What does it cost to follow many services? 500 services of 20 instances in our agent, 200 of them followed by one client
 * process, each in a process of its own:
 *
 *     npm run bench -- discovery [--services 500] [--instances 20] [--watched 200] [--idle 30] [--changes 100] [--json]
 *
 * Prints memory, sockets and CPU of both while nothing changes (for --idle seconds), and how long it takes until the client
 * sees an instance fail its check and pass it again, one service after the other. Fails when the client uses more than a
 * hundredth of a core while nothing changes.
 */
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { AgentProcess } from "./discovery/agent-process.ts";
import { Helper } from "./helper.ts";
import type { Usage } from "./discovery/usage.ts";
import type { Seen } from "./discovery/watcher.ts";
import { UsageError } from "./usage-error.ts";

const MAX_IDLE_PERCENT = 1;
/** Operations that a transaction of Consul 1.8 takes. */
const OPERATIONS = 64;
/** First looks, compilation and collection belong to the start. */
const SETTLE_MS = 5_000;
/** Between changes, so that none waits for the rest that the one before has cost. */
const BETWEEN_MS = 250;
const NODE = "many";

interface Figures extends Usage {
  readonly process: "client" | "agent";
  /** Of one core, while nothing changed. */
  readonly idlePercent: number;
}

interface Result {
  readonly services: number;
  readonly instances: number;
  readonly watched: number;
  /** From the start of the client until it knows every service. */
  readonly startMs: number;
  readonly idleSeconds: number;
  readonly figures: readonly Figures[];
  /** From before the write until the client's view shows it. */
  readonly seen: { readonly changes: number; readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      services: { type: "string", default: "500" },
      instances: { type: "string", default: "20" },
      watched: { type: "string", default: "200" },
      idle: { type: "string", default: "30" },
      changes: { type: "string", default: "100" },
      json: { type: "boolean", default: false },
    },
  });
  const number = (name: "services" | "instances" | "watched" | "idle" | "changes"): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= 1) return value;
    throw new UsageError(`--${name} is ${values[name]}: write a whole number, 1 or more`);
  };
  const [services, watched] = [number("services"), number("watched")];
  if (watched > services)
    throw new UsageError(`--watched is ${watched}, of ${services} services: write no more than that`);
  const result = await measure({
    services,
    watched,
    instances: number("instances"),
    idleSeconds: number("idle"),
    changes: number("changes"),
  });
  if (values.json) console.log(JSON.stringify({ ...result, maxIdlePercent: MAX_IDLE_PERCENT }, undefined, 2));
  else print(result);
  const [client] = result.figures;
  if (client !== undefined && client.idlePercent > MAX_IDLE_PERCENT) {
    console.error(
      `client uses ${client.idlePercent.toFixed(2)} % of a core while nothing changes, over ${MAX_IDLE_PERCENT} %`,
    );
    process.exitCode = 1;
  }
}

interface Plan extends Pick<Result, "services" | "instances" | "watched" | "idleSeconds"> {
  readonly changes: number;
}

async function measure({ services, instances, watched, idleSeconds, changes }: Plan): Promise<Result> {
  const agent = await AgentProcess.start();
  try {
    await registerAll(agent, services, instances);
    const startedAt = performance.now();
    const client = new Helper("discovery/watcher.ts", [agent.url, watched, instances]);
    try {
      await client.hear();
      const startMs = performance.now() - startedAt;
      await delay(SETTLE_MS);
      const before = await Promise.all([client.usage(), agent.usage()]);
      await delay(idleSeconds * 1_000);
      const after = await Promise.all([client.usage(), agent.usage()]);
      const figures = after.map((now, at): Figures => {
        const spentMs = now.cpuMs - (before[at]?.cpuMs ?? 0);
        return { ...now, process: at === 0 ? "client" : "agent", idlePercent: spentMs / idleSeconds / 10 };
      });
      const took = await seen(agent, client, { watched, instances, changes });
      return { services, instances, watched, startMs, idleSeconds, figures, seen: percentiles(took) };
    } finally {
      await client.end();
    }
  } finally {
    await agent.close();
  }
}

/** One instance fails its check and passes it again, in one service after the other. */
async function seen(
  agent: AgentProcess,
  client: Helper,
  { watched, instances, changes }: Pick<Plan, "watched" | "instances" | "changes">,
): Promise<number[]> {
  const took: number[] = [];
  for (let change = 0; change < changes; change++) {
    // 7 shares no factor with most counts, so that those that wait by themselves and those that share come in turns.
    const service = (Math.floor(change / 2) * 7) % watched;
    const fails = change % 2 === 0;
    const arrived = client.hear<Seen>(
      (one) => one.service === service && one.endpoints === instances - (fails ? 1 : 0),
    );
    await delay(BETWEEN_MS);
    const askedAt = performance.timeOrigin + performance.now();
    await agent.put("/v1/txn", [checkOf(service, 0, fails ? "critical" : "passing")]);
    took.push((await arrived).at - askedAt);
  }
  return took;
}

async function registerAll(agent: AgentProcess, services: number, instances: number): Promise<void> {
  await agent.put("/v1/catalog/register", { Node: NODE, Address: "127.0.0.1" });
  const operations: object[] = [];
  for (let service = 0; service < services; service++) {
    for (let instance = 0; instance < instances; instance++) {
      const [ID, Service] = [idOf(service, instance), `service-${service}`];
      const described = { ID, Service, Address: "127.0.0.1", Port: 10_000 + instance, Meta: { version: "1.0.0" } };
      operations.push(
        { Service: { Verb: "set", Node: NODE, Service: described } },
        checkOf(service, instance, "passing"),
      );
    }
  }
  for (let at = 0; at < operations.length; at += OPERATIONS) {
    await agent.put("/v1/txn", operations.slice(at, at + OPERATIONS));
  }
}

function idOf(service: number, instance: number): string {
  return `service-${service}-${instance}`;
}

function checkOf(service: number, instance: number, Status: "passing" | "critical"): object {
  const ServiceID = idOf(service, instance);
  const Check = { Node: NODE, CheckID: `service:${ServiceID}`, Name: "heartbeat", Status, ServiceID };
  return { Check: { Verb: "set", Check } };
}

function percentiles(took: readonly number[]): Result["seen"] {
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? NaN;
  return { changes: took.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

function print({ services, instances, watched, startMs, idleSeconds, figures, seen }: Result): void {
  console.log(`${services} services x ${instances} instances, ${watched} of them watched by one client process`);
  console.log(`all known ${startMs.toFixed(0)} ms after the client's start; CPU of ${idleSeconds} s without a change`);
  console.log(`process${["rss MB", "heap MB", "sockets", "idle CPU %"].map((name) => name.padStart(12)).join("")}`);
  for (const { process: name, rssMb, heapMb, sockets, idlePercent } of figures) {
    const cells = [rssMb.toFixed(0), heapMb.toFixed(1), String(sockets), idlePercent.toFixed(2)];
    console.log(`${name.padEnd(7)}${cells.map((cell) => cell.padStart(12)).join("")}`);
  }
  const { changes, p50Ms, p99Ms, maxMs } = seen;
  console.log(
    `${changes} changes seen after ${p50Ms.toFixed(1)} ms (p50), ${p99Ms.toFixed(1)} ms (p99), ${maxMs.toFixed(1)} ms (max)`,
  );
  console.log(`wanted: idle CPU of the client within ${MAX_IDLE_PERCENT} %`);
}
