/** Connecting, and why it failed as Go says it. */
import { connect, type Socket } from "node:net";

import type { ProbeSignals } from "./probe.ts";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, with brackets around an IPv6 address. */
export function parseHostPort(address: string): HostPort {
  const [, bracketed, plain, port = ""] = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(address) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) {
    const why = address.includes(":") ? "too many colons in address" : "missing port in address";
    throw new Error(`dial tcp: address ${address}: ${why}`);
  }
  if (Number(port) > 65_535) throw new Error(`dial tcp: address ${port}: invalid port`);
  return { host: host === "" ? "localhost" : host, port: Number(port) };
}

/** Resolves when connected. Whoever asked destroys the socket. */
export function dial({ host, port }: HostPort, { timeout, stopped }: ProbeSignals): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const abandon = (): void => settle(() => reject(new Error(`dial tcp ${shown(host, port)}: i/o timeout`)));
    const settle = (end: () => void): void => {
      timeout.removeEventListener("abort", abandon);
      stopped.removeEventListener("abort", abandon);
      if (socket.connecting) socket.destroy();
      end();
    };
    socket.once("connect", () => settle(() => resolve(socket)));
    socket.on("error", (error) => settle(() => reject(new Error(dialFault(error, host, port), { cause: error }))));
    timeout.addEventListener("abort", abandon);
    stopped.addEventListener("abort", abandon);
    if (timeout.aborted || stopped.aborted) abandon();
  });
}

/** Go's words for the errors of Node's sockets. */
const goWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  ECONNRESET: "read: connection reset by peer",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  ETIMEDOUT: "connect: connection timed out",
};

export function dialFault(error: Error, host: string, port: number): string {
  const cause = error instanceof AggregateError ? (error.errors.at(-1) as Error) : error;
  const code = "code" in cause ? String(cause.code) : "";
  if (code === "ENOTFOUND") return `dial tcp: lookup ${host}: no such host`;
  const address = "address" in cause ? String(cause.address) : host;
  return `dial tcp ${shown(address, port)}: ${goWords[code] ?? cause.message}`;
}

function shown(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
