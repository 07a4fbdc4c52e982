/**
 * The demo: a registry, three greeters and two translators as processes of their own, and callers in this one. It shows
 * what a crash costs (show.ts) or makes a number of calls (measure.ts); however it ends, it leaves nothing running.
 */
import { MeshError } from "@meshwork/sdk";
import { Callers } from "./callers.ts";
import { Fleet } from "./fleet.ts";
import type { InstanceProcess } from "./instance-process.ts";
import { measure } from "./measure.ts";
import { type DemoOptions, HELP, parseOptions, UsageError } from "./options.ts";
import { findRegistry } from "./registry.ts";
import { Show } from "./show.ts";

const FAILED = 1;
const WRONG_USAGE = 2;
const LOOK_FOR_PARENT_MS = 500;
const END_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options.kind !== "help") return (await run(options, untilSignal())) ? 0 : FAILED;
    console.log(HELP);
    return 0;
  } catch (error) {
    const usage = error instanceof UsageError;
    console.error(usage || error instanceof MeshError || error instanceof Error ? `demo: ${error.message}` : error);
    return usage ? WRONG_USAGE : FAILED;
  }
}

/** Resolves to whether every call was answered. */
async function run(options: Exclude<DemoOptions, { kind: "help" }>, signal: AbortSignal): Promise<boolean> {
  const { env } = process;
  const registry = await findRegistry({ ...env });
  // What this process has to say is on the screen; a log beside it would only tear it apart.
  env["MESH_LOG_LEVEL"] = "silent";
  const show = options.kind === "show" ? new Show(options, registry) : undefined;
  const crashed = (instance: InstanceProcess): void => {
    const story = `${instance.id} ${instance.end} by itself; its log ends with:\n${instance.log.join("\n")}`;
    if (show === undefined) console.error(`demo: ${story}`);
    else show.tell(story);
  };
  const fleet = new Fleet(registry, crashed);
  let callers: Callers | undefined;
  try {
    show?.tell(`registry: ${[registry.name, registry.because].filter(Boolean).join("; ")}`);
    await untilTold(signal, fleet.start());
    callers = new Callers(registry);
    await untilTold(signal, callers.warmUp(registry));
    if (options.kind === "measure") return await measure(options, registry, callers, signal);
    return (await show?.run(callers, fleet, signal)) ?? true;
  } finally {
    await callers?.close();
    await fleet.stop();
    await registry.close();
  }
}

/** Aborts when the process is asked to end, or when nobody is left to read what it says. */
function untilSignal(): AbortSignal {
  const told = new AbortController();
  const end = (): void => told.abort();
  for (const signal of END_SIGNALS) process.on(signal, end);
  process.stdout.on("error", end);
  // npm passes a signal on to its shell, and the shell to nobody.
  const parent = process.ppid;
  const orphaned = (): void => void (process.ppid !== parent && end());
  if (process.env["npm_lifecycle_event"] !== undefined) setInterval(orphaned, LOOK_FOR_PARENT_MS).unref();
  return told.signal;
}

/** What work resolves to, or a rejection as soon as the process is told to end. */
async function untilTold<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const told = new Promise<never>((_, reject) => {
    const end = (): void => reject(new Error("told to end before all instances had started"));
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
  return Promise.race([work, told]);
}
