/**
 * A greeter in a process of its own, registered in our agent, that is told how well it is. It has a few workers, so one that
 * is slow can also do less: calls queue.
 */
import { createMesh, MeshError } from "@meshwork/sdk";
import { GreeterService } from "../../../services/gen/greeter/v1/greeter.mesh.ts";
import type { Health } from "./health.ts";

const WORKERS = 4;
/** Milliseconds of each call, give or take a half. */
const WORK_MS = 10;
/** How long callers have to hear that it leaves. */
const PROPAGATION_MS = 200;

const [url = "", name = ""] = process.argv.slice(2);
let health: Health = { slowness: 1, failing: false };
let free = WORKERS;
const queue: (() => void)[] = [];

const mesh = createMesh({
  service: "greeter",
  instance: name,
  consul: { url },
  admin: false,
  handleSignals: false,
  drain: { propagationMs: PROPAGATION_MS, graceMs: 10_000 },
});
const server = mesh.server().add(GreeterService, {
  async sayHello() {
    if (health.failing) throw new MeshError("UNAVAILABLE", "told to fail");
    await work();
    return { message: "Hello!", instance: name };
  },
  async *sayHelloEverywhere() {},
  greetGroup: async () => ({ message: "" }),
  async *chat() {},
});

async function work(): Promise<void> {
  if (free === 0) await new Promise<void>((turn) => queue.push(turn));
  else free--;
  await new Promise((done) => setTimeout(done, WORK_MS * health.slowness * (0.5 + Math.random())));
  const next = queue.shift();
  if (next === undefined) free++;
  else next();
}

process.on("message", (message: Health | "leave") => {
  if (message !== "leave") health = message;
  else void mesh.close().then(() => process.disconnect());
});
process.on("disconnect", () => process.exit());
await server.start();
process.send?.(server.address.port);
