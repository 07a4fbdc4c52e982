/** Who can be a client or a server of the interop cases: this SDK by its transports, and grpc-go. */
import { createMesh, MeshError } from "@meshwork/sdk";
import { ALONE } from "../support/greeter-mesh.ts";
import { notRun } from "../support/not-run.ts";

const TRANSPORTS = ["grpc-js", "native"] as const;

export type OwnSide = (typeof TRANSPORTS)[number];
export type Side = OwnSide | "grpc-go";

export interface Pair {
  readonly client: Side;
  readonly server: Side;
}

/** Our transports in all mixes. */
export function ownPairs(): readonly Pair[] {
  const own = ownSides();
  return own.flatMap((client) => own.map((server) => ({ client, server })));
}

/** Each of our transports against grpc-go, both ways. */
export function foreignPairs(): readonly Pair[] {
  return ownSides().flatMap((own): Pair[] => [
    { client: own, server: "grpc-go" },
    { client: "grpc-go", server: own },
  ]);
}

let made: readonly OwnSide[] | undefined;

/** The transports that are in this build. */
function ownSides(): readonly OwnSide[] {
  made ??= TRANSPORTS.filter(canBeMade);
  return made;
}

function canBeMade(transport: OwnSide): boolean {
  try {
    createMesh({ ...ALONE, transport });
    return true;
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== "UNIMPLEMENTED") throw error;
    notRun(`interop over ${transport}`, "native", error.reason);
    return false;
  }
}
