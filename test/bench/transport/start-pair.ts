/** Both ends of one side, connected. */
import { buildCppPeer } from "../cpp/build-peer.ts";
import { CppPeer } from "./cpp-peer.ts";
import { NodePeer, type Peer, type Role } from "./peer-process.ts";
import type { Load, Side } from "./plan.ts";
import type { Tls } from "./side.ts";

/** Keys and certificates of both ends. */
export interface Keys {
  readonly server: Tls;
  readonly client: Tls;
}

export const PLAINTEXT: Keys = { server: undefined, client: undefined };

export interface Ends {
  readonly server: Peer;
  readonly client: Peer;
}

/**
 * Resolves undefined when this side cannot be made.
 *
 * @param flags of Node.js for both.
 */
export async function startPair(
  side: Side,
  load: Load,
  keys: Keys,
  flags: readonly string[] = [],
): Promise<Ends | undefined> {
  const start = (role: Role): Peer =>
    side === "cpp" ? new CppPeer(role, buildCppPeer()) : new NodePeer(role, side, flags);
  const server = start("server");
  const { port } = await server.ask({ ask: "listen", tls: keys.server });
  if (port === undefined) {
    await server.end();
    return undefined;
  }
  const client = start("client");
  await client.ask({ ask: "connect", port, load, tls: keys.client });
  return { server, client };
}

export async function endPair({ client, server }: Ends): Promise<void> {
  await client.end();
  await server.end();
}
