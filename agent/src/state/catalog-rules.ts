/** What may not be written into the catalog, in Consul's words. */
import type { CatalogNode, CheckContent, NodeDescription } from "./service.ts";

/** A registration whose parts do not fit together, or do not fit what is there. */
export class CatalogError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "CatalogError";
  }
}

/**
 * A name belongs to the node that has it and an ID; who brings another ID may take it over only while that node is not
 * healthy. A node that brings a known ID under a new name is renamed.
 *
 * @returns why the name belongs to another node, if it does.
 */
export function faultOfNode(
  node: NodeDescription,
  known: readonly CatalogNode[],
  serfStatus: (node: string) => string | undefined,
): string | undefined {
  if (node.id === "") return undefined;
  const own = known.find(({ id }) => id === node.id);
  if (own !== undefined && own.name === node.name) return undefined;
  for (const other of known) {
    if (other.name.toLowerCase() !== node.name.toLowerCase() || other.id === node.id) continue;
    if (other.id === "" && own === undefined) continue;
    const status = serfStatus(other.name);
    if (status === undefined || status === "critical") continue;
    const which = own === undefined ? `"${node.id}"` : `"${node.id}" (${node.address})`;
    const owner = `node ${other.id} with name ${other.name} (${other.address})`;
    return `Error while renaming Node ID: ${which}: Node name ${node.name} is reserved by ${owner}`;
  }
  return undefined;
}

/** @throws CatalogError when a check is of a service that the node does not have. */
export function checkReferences(
  node: string,
  checks: readonly CheckContent[],
  hasService: (id: string) => boolean,
): void {
  for (const { serviceId } of checks) {
    if (serviceId === "" || hasService(serviceId)) continue;
    throw new CatalogError(`failed inserting check: Missing service registration on node "${node}"`);
  }
}
