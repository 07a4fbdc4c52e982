/**
 * The address at which others reach a server that listens on all of its machine's. A machine may have many: bridges of
 * containers, VPNs. The one that the kernel itself would speak from, by its routes, is the one that answers find back.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";

type Family = "IPv4" | "IPv6";

/** Never in use (RFC 5737, RFC 3849), so only a default route leads there. Connecting a UDP socket sends nothing. */
const ELSEWHERE: Readonly<Record<Family, string>> = { IPv4: "192.0.2.1", IPv6: "2001:db8::1" };
const ANY_PORT = 9;

export interface Surroundings {
  /** The address that packets to elsewhere come from; undefined without a route. */
  route(family: Family): Promise<string | undefined>;
  interfaces(): Iterable<Pick<NetworkInterfaceInfo, "address" | "family" | "internal">>;
}

const here: Surroundings = {
  route: routedAddress,
  interfaces: () => Object.values(networkInterfaces()).flatMap((one) => one ?? []),
};

/** IPv4 before IPv6, a routed address before others, loopback when the machine has nothing else. Never rejects. */
export async function outerAddress(surroundings: Surroundings = here): Promise<string> {
  const routed = (await surroundings.route("IPv4")) ?? (await surroundings.route("IPv6"));
  if (routed !== undefined) return routed;
  const outer = [...surroundings.interfaces()].filter(({ internal, address }) => !internal && !isLinkLocal(address));
  return (outer.find(({ family }) => family === "IPv4") ?? outer[0])?.address ?? "127.0.0.1";
}

/** However it is written: IPv6 has many ways to (RFC 5952, section 2). */
export function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || (isIPv6(host) && /^[0:]+(?:0\.0\.0\.0)?$/.test(host));
}

/** Of use on one wire only (RFC 3927; RFC 4291, section 2.5.6). */
function isLinkLocal(address: string): boolean {
  return /^(?:169\.254\.|fe[89ab])/i.test(address);
}

async function routedAddress(family: Family): Promise<string | undefined> {
  const socket = createSocket(family === "IPv4" ? "udp4" : "udp6");
  try {
    const connected = once(socket, "connect");
    socket.connect(ANY_PORT, ELSEWHERE[family]);
    await connected;
    const { address } = socket.address();
    return isLinkLocal(address) || isWildcard(address) ? undefined : address;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}
