/** What would lead a walk through a compiled chain astray: a name that leads nowhere, a way that never ends. */
import type { ChainNode, CompiledChain } from "./compiled-chain.ts";

/** A sentence; undefined when nothing is wrong. */
export function chainFault(chain: CompiledChain): string | undefined {
  const { nodes, targets, startNode } = chain;
  if (!nodes.has(startNode)) return `the start node ${startNode} is not among the nodes`;
  for (const [key, node] of nodes) {
    const lostNode = nextOf(node).find((next) => !nodes.has(next));
    if (lostNode !== undefined) return `node ${key} leads to ${lostNode}, which is not among the nodes`;
    const lostTarget = targetsOf(node).find((id) => !targets.has(id));
    if (lostTarget !== undefined) return `node ${key} resolves to ${lostTarget}, which is not among the targets`;
  }
  return comesRound(nodes, startNode, new Set(), new Set())
    ? `a walk from ${startNode} comes round to where it was`
    : undefined;
}

/** A walk in depth: open are the nodes on the way, done those from which every way ends. */
function comesRound(nodes: CompiledChain["nodes"], key: string, open: Set<string>, done: Set<string>): boolean {
  if (done.has(key)) return false;
  if (open.has(key)) return true;
  open.add(key);
  const node = nodes.get(key);
  const round = node !== undefined && nextOf(node).some((next) => comesRound(nodes, next, open, done));
  open.delete(key);
  done.add(key);
  return round;
}

function nextOf(node: ChainNode): readonly string[] {
  switch (node.kind) {
    case "router":
      return node.routes.map(({ next }) => next);
    case "splitter":
      return node.splits.map(({ next }) => next);
    case "resolver":
      return [];
  }
}

function targetsOf(node: ChainNode): readonly string[] {
  return node.kind === "resolver" ? [node.target, ...node.failover] : [];
}
