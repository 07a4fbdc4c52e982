/** mesh ls: what is registered, the instances of one service and its methods, or the methods of any server. */
import { type Mesh, MeshError } from "@meshwork/sdk";
import { parseTarget } from "@meshwork/sdk/inspect";
import { defaultTarget } from "../call/call-command.ts";
import { ReflectionSource } from "../contract/reflection-source.ts";
import type { Terminal } from "../terminal.ts";
import { askRegistry } from "./ask-registry.ts";
import { callersOf, describeCallers } from "./callers.ts";
import { describeServices, listServices, type ListedService } from "./describe-contract.ts";
import { countServices, describeCounts, describeInstances, instancesOf } from "./list-registry.ts";

export interface LsCommand {
  readonly service: string | undefined;
  /** Of a server to ask in place of the registry. */
  readonly target: string | undefined;
  readonly json: boolean;
}

/** A server that does not tell its methods within this time is passed over; it may be the reason for looking. */
const REFLECTION_MS = 5_000;

/** Rejects when the signal aborts. */
export async function runLs(mesh: Mesh, command: LsCommand, terminal: Terminal, signal: AbortSignal): Promise<void> {
  if (command.target !== undefined) return listTarget({ mesh, command, terminal, signal }, command.target);
  if (command.service !== undefined) return listService({ mesh, command, terminal, signal }, command.service);
  return listRegistry({ mesh, command, terminal, signal });
}

interface Listing {
  readonly mesh: Mesh;
  readonly command: LsCommand;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

function listRegistry({ command: { json }, terminal, signal }: Listing): Promise<void> {
  return askRegistry(signal, async (registry) => {
    const counts = await countServices(registry);
    if (json) return terminal.print(JSON.stringify(counts));
    if (counts.length > 0) return terminal.print(describeCounts(counts, terminal.colors));
    terminal.note(
      `nothing is registered in consul at ${registry.place}: start a service, or set CONSUL_HTTP_ADDR to where it registers`,
    );
  });
}

async function listService(listing: Listing, name: string): Promise<void> {
  const { terminal, signal } = listing;
  const target = defaultTarget(name);
  const service = parseTarget(target).name;
  const [instances, callers] = await askRegistry(signal, async (registry) => [
    await instancesOf(registry, service),
    await callersOf(registry, service, signal),
  ]);
  const someAnswer = instances.some(({ status }) => status === "passing");
  const contracts = someAnswer ? await methodsAt(listing, target) : undefined;
  if (listing.command.json)
    return terminal.print(JSON.stringify({ service, instances, callers, contracts: contracts ?? [] }));
  await terminal.print(describeInstances(instances, terminal.colors));
  if (callers.length > 0) await terminal.print(`\n${describeCallers(callers, terminal.colors)}`);
  if (contracts !== undefined) await terminal.print(`\n${describeServices(contracts, terminal.colors)}`);
}

/** Methods are a courtesy here: a service without reflection is still listed. */
async function methodsAt(listing: Listing, target: string): Promise<readonly ListedService[] | undefined> {
  try {
    return await reflected(listing, target);
  } catch (error) {
    if (!(error instanceof MeshError) || listing.signal.aborted) throw error;
    listing.terminal.note(`methods of ${target} are not known: ${error.reason}`);
    return undefined;
  }
}

async function listTarget(listing: Listing, target: string): Promise<void> {
  const { command, terminal } = listing;
  const contracts = await reflected(listing, target);
  if (command.json) return terminal.print(JSON.stringify({ target, contracts }));
  if (contracts.length > 0) return terminal.print(describeServices(contracts, terminal.colors));
  terminal.note(`server at ${target} tells of no service: its reflection is on, but knows no contract`);
}

async function reflected({ mesh, signal }: Listing, target: string): Promise<readonly ListedService[]> {
  const source = new ReflectionSource(mesh, target, { policy: { deadlineMs: REFLECTION_MS }, signal });
  try {
    return await listServices(source);
  } finally {
    source.close();
  }
}
