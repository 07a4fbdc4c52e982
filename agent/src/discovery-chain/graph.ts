/** What is done to the nodes of a chain once they are all there. */
import { ChainError, type ChainNode, type ChainSplit, nextNodes, type SplitterNode } from "./chain.ts";
import { nestedWeight } from "./weight.ts";

type Nodes = ReadonlyMap<string, ChainNode>;

/**
 * Splitters that lead back to themselves would never arrive. Redirects have been checked where they were followed.
 *
 * @throws ChainError that shows the circle; the last branch is looked at first, as Consul does.
 */
export function refuseCircles(nodes: Nodes, start: string): void {
  const cleared = new Set<string>();
  const path: string[] = [];
  const visit = (key: string): void => {
    path.push(key);
    if (path.indexOf(key) < path.length - 1) {
      throw new ChainError(`detected circular reference: [${path.join(" -> ")}]`);
    }
    if (!cleared.has(key)) for (const next of nextNodes(existing(nodes, key)).reverse()) visit(next);
    cleared.add(key);
    path.pop();
  };
  visit(start);
}

/** Puts the parts of a nested splitter in its place, each weighing its part of the whole. */
export function flattenSplitters(nodes: Nodes): Map<string, ChainNode> {
  const flat = new Map<string, SplitterNode>();
  const flattened = (key: string, node: SplitterNode): SplitterNode => {
    const known = flat.get(key);
    if (known !== undefined) return known;
    const splits = node.splits.flatMap((split): readonly ChainSplit[] => {
      const next = existing(nodes, split.nextNode);
      if (next.type !== "splitter") return [split];
      return flattened(split.nextNode, next).splits.map(({ weight, nextNode }) => ({
        weight: nestedWeight(split.weight, weight),
        nextNode,
      }));
    });
    const done: SplitterNode = { ...node, splits };
    flat.set(key, done);
    return done;
  };
  return new Map([...nodes].map(([key, node]) => [key, node.type === "splitter" ? flattened(key, node) : node]));
}

/** Those that can be reached; flattening leaves others behind. */
export function reachable(nodes: Nodes, start: string): Map<string, ChainNode> {
  const kept = new Map<string, ChainNode>();
  const queue = new Set([start]);
  for (const key of queue) {
    const node = existing(nodes, key);
    kept.set(key, node);
    for (const next of nextNodes(node)) queue.add(next);
  }
  return kept;
}

function existing(nodes: Nodes, key: string): ChainNode {
  const node = nodes.get(key);
  if (node === undefined) throw new Error(`the chain leads to a node ${key} that it does not have`);
  return node;
}
