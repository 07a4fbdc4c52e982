/**
 * What one answer about all checks (https://developer.hashicorp.com/consul/api-docs/health#list-checks-in-state) tells of
 * many services at once: whose instances came, went, or changed their state since the answer before. It names services
 * to look at; what they look like now is their own answer's to say.
 */
import { MeshError } from "../call/mesh-error.ts";

/** Names in lower case: Consul compares them without case. */
export interface CheckList {
  /** The checks of each service's instances, as text that differs when they do. */
  readonly services: ReadonlyMap<string, string>;
  /** The checks of each node itself: a node that fails takes all its instances with it. */
  readonly nodes: ReadonlyMap<string, string>;
  readonly servicesOn: ReadonlyMap<string, ReadonlySet<string>>;
}

interface Check {
  readonly Node: string;
  readonly CheckID: string;
  readonly Status: string;
  /** Empty for checks of the node. */
  readonly ServiceName: string;
  /** Another one means that the check was removed and made again. */
  readonly CreateIndex: number;
}

/** Far below what Consul takes of a request line; without a filter the answer tells of every service. */
const MAX_FILTER_CHARS = 32_000;

/** What is wrong now: short in a cluster that is well, so that it is told sooner than the whole list. */
export const NOT_PASSING = 'Status != "passing"';

/**
 * A filter (https://developer.hashicorp.com/consul/api-docs/features/filtering) that leaves these services' checks and
 * those of nodes; undefined when there are too many.
 */
export function checkFilter(names: Iterable<string>): string | undefined {
  const pattern = [...names].map((name) => name.replaceAll(".", "[.]")).join("|");
  const filter = `ServiceName == "" or ServiceName matches "(?i)^(?:${pattern})$"`;
  return filter.length > MAX_FILTER_CHARS ? undefined : filter;
}

/** Throws INTERNAL for a text that is no list of checks. */
export function readCheckList(text: string): CheckList {
  const services = new Map<string, string>();
  const nodes = new Map<string, string>();
  const servicesOn = new Map<string, Set<string>>();
  for (const check of checksIn(text)) {
    const { Node, CheckID, Status, CreateIndex } = check;
    const name = check.ServiceName.toLowerCase();
    const line = `${Node}/${CheckID} ${CreateIndex} ${Status}\n`;
    if (name === "") {
      nodes.set(Node, (nodes.get(Node) ?? "") + line);
      continue;
    }
    services.set(name, (services.get(name) ?? "") + line);
    const here = servicesOn.get(Node);
    if (here === undefined) servicesOn.set(Node, new Set([name]));
    else here.add(name);
  }
  return { services, nodes, servicesOn };
}

/** Services of which the second list tells something else than the first. */
export function changedServices(before: CheckList, after: CheckList): ReadonlySet<string> {
  const changed = new Set(differing(before.services, after.services));
  for (const node of differing(before.nodes, after.nodes)) {
    for (const list of [before, after]) for (const name of list.servicesOn.get(node) ?? []) changed.add(name);
  }
  return changed;
}

/** Whether something changed about a node itself. */
export function nodesChanged(before: CheckList, after: CheckList): boolean {
  return differing(before.nodes, after.nodes).next().done !== true;
}

function* differing(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): Generator<string> {
  for (const [key, text] of after) if (before.get(key) !== text) yield key;
  for (const key of before.keys()) if (!after.has(key)) yield key;
}

/** Read by hand: a schema costs several times the parsing, and this list may be of thousands. */
function checksIn(text: string): readonly Check[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw unreadable(cause);
  }
  if (Array.isArray(list) && list.every(isCheck)) return list;
  throw unreadable(undefined);
}

function isCheck(value: unknown): value is Check {
  if (typeof value !== "object" || value === null) return false;
  const { Node, CheckID, Status, ServiceName, CreateIndex } = value as Record<keyof Check, unknown>;
  return (
    [Node, CheckID, Status, ServiceName].every((one) => typeof one === "string") && typeof CreateIndex === "number"
  );
}

function unreadable(cause: unknown): MeshError {
  const reason = "consul gave a list of checks that cannot be read: check that CONSUL_HTTP_ADDR names a Consul agent";
  return new MeshError("INTERNAL", reason, { cause });
}
