/**
 * Where something listens: a host (name, IPv4, or IPv6 without brackets) and a port. A host that begins with "/" is the
 * path of a Unix socket, as libpq has it; its port is 0.
 */
import { isIPv6 } from "node:net";
import { MeshError } from "./mesh-error.ts";

export interface Address {
  readonly host: string;
  /** 1 to 65535; 0 asks for any free port where one listens, and stands beside the path of a Unix socket. */
  readonly port: number;
}

/** The longest path that the kernel takes: sockaddr_un holds 108 bytes, the last of them 0. */
const MAX_UNIX_PATH_BYTES = 107;

/** Whether a host is the path of a Unix socket. */
export function isUnixPath(host: string): boolean {
  return host.startsWith("/");
}

/** Whether this is a host alone: a name, IPv4, or IPv6 without brackets; no port, no URL. */
export function isHost(text: string): boolean {
  return isIPv6(text) || /^[^\s:/@[\]?#%,]+$/.test(text);
}

/** The path of a Unix socket as it is. Throws INVALID_ARGUMENT for one that no socket can have. */
export function checkUnixPath(path: string): string {
  const bytes = Buffer.byteLength(path);
  if (path.length > 1 && path.startsWith("/") && !path.includes("\0") && bytes <= MAX_UNIX_PATH_BYTES) return path;
  throw new MeshError(
    "INVALID_ARGUMENT",
    `${JSON.stringify(path)} cannot be the path of a Unix socket (absolute, 2 to ${MAX_UNIX_PATH_BYTES} bytes): write for example unix:/run/greeter.sock`,
  );
}

/** "host:port", with brackets around IPv6; "unix:/path" of a Unix socket. */
export function formatAddress({ host, port }: Address): string {
  if (isUnixPath(host)) return `unix:${host}`;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

const HOST_PORT = /^(?:\[([^\]]+)\]|([^:[\]/\s]+)):(\d{1,5})$/;

const UNIX = "unix:";

/** Reads "host:port", "[ipv6]:port" or "unix:/path". Throws INVALID_ARGUMENT that says what was expected. */
export function parseAddress(text: string): Address {
  if (text.startsWith(`${UNIX}/`)) return { host: checkUnixPath(text.slice(UNIX.length)), port: 0 };
  const match = HOST_PORT.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `address ${JSON.stringify(text)} is not host:port (IPv6 in brackets, port 0 to 65535): write for example 127.0.0.1:50051 or [::1]:50051, or unix:/run/greeter.sock`,
    );
  }
  return { host: match[1] ?? match[2] ?? "", port };
}
