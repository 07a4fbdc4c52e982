/**
 * Cases that a pair of client and server is known to fail, why, and with what words. They are run all the same: one that
 * passes fails its suite until it is taken off this list, and so does one that fails in another way.
 */
import type { InteropCaseName } from "./interop-cases.ts";
import type { Side } from "./sides.ts";

export interface KnownGap {
  /** Default: any. */
  readonly client?: Side;
  readonly server?: Side;
  readonly cases: readonly InteropCaseName[];
  readonly reason: string;
  readonly failsWith: RegExp;
}

const COMPRESSED_REQUESTS = ["client_compressed_unary", "client_compressed_streaming"] as const;
const COMPRESSED_RESPONSES = ["server_compressed_unary", "server_compressed_streaming"] as const;

/** The first that matches says how its case fails. */
const KNOWN_GAPS: readonly KnownGap[] = [
  {
    client: "grpc-go",
    cases: ["client_compressed_streaming"],
    reason: "grpc-go compresses all messages of a call or none",
    failsWith: /grpc-go has no case/,
  },
  {
    server: "grpc-go",
    cases: ["server_compressed_streaming"],
    reason: "grpc-go compresses all messages of a call or none",
    failsWith: /responses took \d+ bytes/,
  },
  {
    server: "grpc-js",
    cases: COMPRESSED_REQUESTS,
    reason: "a server of @grpc/grpc-js does not tell what its requests took on the wire",
    failsWith: /requests took \d+ bytes/,
  },
  {
    server: "grpc-js",
    cases: COMPRESSED_RESPONSES,
    reason: "a server of @grpc/grpc-js compresses nothing",
    failsWith: /responses took \d+ bytes|response came compressed: false/,
  },
  {
    client: "grpc-js",
    cases: COMPRESSED_RESPONSES,
    reason: "a client of @grpc/grpc-js does not tell what its responses took on the wire",
    failsWith: /responses took \d+ bytes/,
  },
];

export function knownGap(client: Side, server: Side, name: InteropCaseName): KnownGap | undefined {
  return KNOWN_GAPS.find(
    (gap) => (gap.client ?? client) === client && (gap.server ?? server) === server && gap.cases.includes(name),
  );
}
