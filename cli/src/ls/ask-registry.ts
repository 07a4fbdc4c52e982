/** Asks the registry that services use, and says how to get one when there is none. */
import { MeshError } from "@meshwork/sdk";
import { openRegistry, type RegistryReader } from "@meshwork/sdk/admin";
import { CommandError } from "../failures.ts";

/** Rejects with CommandError when the registry does not answer, else with what the work throws. */
export async function askRegistry<T>(work: (registry: RegistryReader) => Promise<T>): Promise<T> {
  const registry = openRegistry();
  try {
    return await work(registry);
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== "UNAVAILABLE" || error.call !== undefined) throw error;
    throw new CommandError(`${error.reason}; "mesh agent" runs a small one here`, { cause: error });
  } finally {
    registry.close();
  }
}
