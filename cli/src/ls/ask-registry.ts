/** Asks the registry that services use: the one of Consul's own variables. */
import { openRegistry, type RegistryReader } from "@meshwork/sdk/admin";

/** Rejects with what the work throws, and INVALID_ARGUMENT when the variables are wrong. */
export async function askRegistry<T>(work: (registry: RegistryReader) => Promise<T>): Promise<T> {
  const registry = openRegistry();
  try {
    return await work(registry);
  } finally {
    registry.close();
  }
}
