/** Our TLS options as grpc-js's credentials. */
import { type ChannelCredentials, type ChannelOptions, credentials, ServerCredentials } from "@grpc/grpc-js";
import type { TlsOptions } from "../transport.ts";

/** Making one parses every certificate, so clients of one options object share it. */
const made = new WeakMap<TlsOptions, ChannelCredentials>();

export function channelCredentials(tls: TlsOptions | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  let shared = made.get(tls);
  if (shared === undefined) {
    shared = credentials.createSsl(authorities(tls), pem(tls.key), pem(tls.cert));
    made.set(tls, shared);
  }
  return shared;
}

/** The name that the server's certificate must have, where it is not the host's. */
export function nameOptions(tls: TlsOptions | undefined): ChannelOptions {
  return tls?.serverName === undefined ? {} : { "grpc.ssl_target_name_override": tls.serverName };
}

/** @param tls has a certificate with its key. */
export function serverCredentials(tls: TlsOptions | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const pair = { private_key: bytes(tls.key ?? ""), cert_chain: bytes(tls.cert ?? "") };
  return ServerCredentials.createSsl(authorities(tls), [pair], tls.requireClientCertificate ?? tls.ca !== undefined);
}

/** All of them as one text, since grpc-js takes one. */
function authorities({ ca }: TlsOptions): Buffer | null {
  if (ca === undefined) return null;
  if (typeof ca === "string" || Buffer.isBuffer(ca)) return bytes(ca);
  return Buffer.concat(ca.flatMap((one) => [bytes(one), Buffer.from("\n")]));
}

function pem(text: string | Buffer | undefined): Buffer | null {
  return text === undefined ? null : bytes(text);
}

function bytes(text: string | Buffer): Buffer {
  return typeof text === "string" ? Buffer.from(text) : text;
}
