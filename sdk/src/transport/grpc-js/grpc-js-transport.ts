/**
 * The Transport port over @grpc/grpc-js, by its public API alone: the compatible transport, and the reference that others
 * are held against. grpc-js neither balances, retries nor resolves here: one channel is one endpoint's connection.
 */
import type { Transport } from "../transport.ts";
import { GrpcJsConnection } from "./grpc-js-connection.ts";
import { listenGrpcJs } from "./grpc-js-listener.ts";

export function grpcJsTransport(): Transport {
  return {
    name: "grpc-js",
    connect: (to, options) => new GrpcJsConnection(to, options),
    listen: listenGrpcJs,
  };
}
