/** Asks the registry that services use: the one of Consul's own variables. */
import { openRegistry, type RegistryReader } from "@meshwork/sdk/inspect";

/** Rejects with what the work throws, at once when the signal aborts; INVALID_ARGUMENT when the variables are wrong. */
export async function askRegistry<T>(signal: AbortSignal, work: (registry: RegistryReader) => Promise<T>): Promise<T> {
  const registry = openRegistry();
  const close = (): void => registry.close();
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  try {
    return await work(registry);
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}
