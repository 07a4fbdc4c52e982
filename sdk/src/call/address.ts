/** Where something listens: a host (name, IPv4, or IPv6 without brackets) and a port. */
import { MeshError } from "./mesh-error.ts";

export interface Address {
  readonly host: string;
  /** 1 to 65535; 0 asks for any free port where one listens. */
  readonly port: number;
}

/** "host:port", with brackets around IPv6. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

const HOST_PORT = /^(?:\[([^\]]+)\]|([^:[\]/\s]+)):(\d{1,5})$/;

/** Reads "host:port" or "[ipv6]:port". Throws INVALID_ARGUMENT that says what was expected. */
export function parseAddress(text: string): Address {
  const match = HOST_PORT.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `address ${JSON.stringify(text)} is not host:port (IPv6 in brackets, port 0 to 65535): write for example 127.0.0.1:50051 or [::1]:50051`,
    );
  }
  return { host: match[1] ?? match[2] ?? "", port };
}
