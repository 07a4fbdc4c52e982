/** Opens a socket to an address: TCP or Unix, plain or TLS with ALPN (RFC 9113, section 3). */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type Address, formatAddress, isUnixPath } from "../../call/address.ts";
import { HUNG_UP_AT_ONCE, tlsFailure } from "../tls-failure.ts";
import type { TlsOptions } from "../transport.ts";

const ALPN = "h2";

export interface Dialled {
  /** The socket is ready for HTTP/2; it has no listeners. */
  onConnected(socket: Socket): void;
  onFailed(reason: string): void;
}

/** Calls back once, unless the returned function gives it up before. The socket does not keep the process alive. */
export function dial(to: Address, tls: TlsOptions | undefined, taker: Dialled): () => void {
  const at = isUnixPath(to.host) ? { path: to.host } : { host: to.host, port: to.port };
  let over = false;
  const socket =
    tls === undefined ? connectTcp({ ...at, noDelay: true }) : connectTls({ ...at, ...clientTls(to, tls) });
  socket.unref();
  const fail = (reason: string): void => {
    if (over) return;
    over = true;
    socket.destroy();
    taker.onFailed(reason);
  };
  const onError = (error: Error): void =>
    fail(`no connection to ${formatAddress(to)}: ${(tls && tlsFailure(error.message)) ?? error.message}`);
  const onClose = (): void => fail(`no connection to ${formatAddress(to)}: ${HUNG_UP_AT_ONCE}`);
  socket.on("error", onError);
  socket.on("close", onClose);
  socket.once(tls === undefined ? "connect" : "secureConnect", () => {
    if (over) return;
    if ("alpnProtocol" in socket && socket.alpnProtocol !== ALPN) {
      return fail(`no connection to ${formatAddress(to)}: server does not speak HTTP/2 over TLS (ALPN ${ALPN})`);
    }
    over = true;
    socket.off("error", onError);
    socket.off("close", onClose);
    socket.setNoDelay(true);
    taker.onConnected(socket);
  });
  return () => {
    over = true;
    socket.destroy();
  };
}

function clientTls(to: Address, { ca, cert, key, serverName }: TlsOptions) {
  // A name is sent to the server; addresses may not be (RFC 6066, section 3), but are checked all the same.
  const name = serverName ?? (isUnixPath(to.host) ? "localhost" : to.host);
  return {
    ALPNProtocols: [ALPN],
    minVersion: "TLSv1.2" as const,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(ca === undefined ? {} : { ca: pemList(ca) }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

export function pemList(ca: NonNullable<TlsOptions["ca"]>): (string | Buffer)[] {
  return typeof ca === "string" || Buffer.isBuffer(ca) ? [ca] : [...ca];
}
