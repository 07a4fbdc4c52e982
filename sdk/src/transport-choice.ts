/** What carries calls, by name: the one place that knows every transport. */
import { MeshError } from "./call/mesh-error.ts";
import { grpcJsTransport } from "./transport/grpc-js/grpc-js-transport.ts";
import { nativeTransport } from "./transport/native/native-transport.ts";
import type { Transport } from "./transport/transport.ts";

export const TRANSPORT_NAMES = ["native", "grpc-js"] as const;

/** "native" is Meshwork's own; "grpc-js" is @grpc/grpc-js. */
export type TransportName = (typeof TRANSPORT_NAMES)[number];

export const DEFAULT_TRANSPORT: TransportName = "native";

const VARIABLE = "MESHWORK_TRANSPORT";

export function transportNamed(name: TransportName): Transport {
  switch (name) {
    case "grpc-js":
      return grpcJsTransport();
    case "native":
      return nativeTransport();
  }
}

/** What MESHWORK_TRANSPORT says; undefined when it is not set. Throws INVALID_ARGUMENT when it names no transport. */
export function transportFromEnv(env: NodeJS.ProcessEnv): TransportName | undefined {
  const text = env[VARIABLE];
  if (text === undefined || text === "") return undefined;
  const name = TRANSPORT_NAMES.find((one) => one === text);
  if (name !== undefined) return name;
  const known = TRANSPORT_NAMES.join(" or ");
  throw new MeshError("INVALID_ARGUMENT", `${VARIABLE} is ${JSON.stringify(text)}: write ${known}, or unset it`);
}
