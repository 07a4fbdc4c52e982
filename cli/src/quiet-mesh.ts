/** The mesh that a command calls through: the same as in a service, but it writes nothing and listens nowhere. */
import { createMesh, type Mesh } from "@meshwork/sdk";
import { noteLog } from "./note-log.ts";

/** @param write takes the mesh's log; undefined: nobody wants it. */
export function quietMesh(write: ((line: string) => void) | undefined): Mesh {
  return createMesh({ service: "mesh-cli", log: noteLog(write), admin: false, handleSignals: false });
}
