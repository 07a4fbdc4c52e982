/** The SDK's inner parts from its build, as users run it. Their types come from the source: a build may not be there yet. */
import { existsSync } from "node:fs";
import type * as grpcJs from "../../../sdk/src/transport/grpc-js/grpc-js-transport.ts";
import type { Transport } from "../../../sdk/src/transport/transport.ts";

export type TransportName = "grpc-js" | "native";

const DIST = new URL("../../../sdk/dist/", import.meta.url);

/** Loads a module of the build. T is what its source exports. */
export async function built<T>(path: string): Promise<T> {
  return (await import(new URL(path, DIST).href)) as T;
}

/** undefined when the build has none of this name. */
export async function builtTransport(name: TransportName): Promise<Transport | undefined> {
  if (name === "grpc-js") {
    return (await built<typeof grpcJs>("transport/grpc-js/grpc-js-transport.js")).grpcJsTransport();
  }
  const path = "transport/native/native-transport.js";
  if (!existsSync(new URL(path, DIST))) return undefined;
  return (await built<{ nativeTransport: () => Transport }>(path)).nativeTransport();
}
