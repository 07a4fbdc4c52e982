/** The protocol of a service, and which protocols have requests that can be routed one by one. */
import { type ProxyDefaults, type ServiceDefaults } from "../config-entries/config-entry.ts";
import { decodeLoosely, LooseDecodeError } from "../json/loose-codec.ts";
import { text } from "../json/loose-scalars.ts";

const routed = new Set(["http", "http2", "grpc"]);

export function routesRequests(protocol: string): boolean {
  return routed.has(protocol);
}

/** A service's own defaults decide alone, even when they name no protocol. */
export function protocolOf(own: ServiceDefaults | undefined, all: ProxyDefaults | undefined): string {
  const protocol = own === undefined ? globalProtocol(all) : own.protocol;
  return protocol === "" ? "tcp" : protocol.toLowerCase();
}

/** Consul keeps the proxies' configuration as it came and ignores a protocol that is not text or like it. */
function globalProtocol(all: ProxyDefaults | undefined): string {
  const config = all?.config;
  const keys = [...(config?.keys() ?? [])];
  const key = keys.find((name) => name === "protocol") ?? keys.find((name) => name.toLowerCase() === "protocol");
  const value = key === undefined ? null : (config?.get(key) ?? null);
  if (Array.isArray(value)) return "";
  try {
    return decodeLoosely(text, value, "protocol", []);
  } catch (error) {
    if (error instanceof LooseDecodeError) return "";
    throw error;
  }
}
