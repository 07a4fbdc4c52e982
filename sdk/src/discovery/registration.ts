/** The Registration port: how an instance becomes findable, and stops being so. */
import type { Address } from "../call/address.ts";

export interface ServiceInstance {
  /** Name it is found under. */
  readonly name: string;
  /** Unique among all instances of all services. */
  readonly id: string;
  /** What clients connect to. */
  readonly address: Address;
  readonly weight: number;
  readonly zone?: string | undefined;
  readonly version?: string | undefined;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** An instance that is registered and kept so. */
export interface Registered {
  /** Takes it out; resolves when the registry has confirmed, rejects when it could not be told. Ends all upkeep either way. */
  deregister(): Promise<void>;
}

/**
 * What happens to the upkeep of an instance: "failing", the registry cannot be told that it lives; "registered", it can
 * again; "stalled", the process itself was too busy to say so in time.
 */
export type UpkeepEvent = "registered" | "failing" | "stalled";

export interface Registration {
  /**
   * Resolves when the registry has taken the instance as healthy, and keeps it so from then on, through outages of the
   * registry too: onUpkeep hears when that begins to fail and when it is well again. Rejects with a MeshError, and then
   * nothing is registered or kept up.
   */
  register(instance: ServiceInstance, onUpkeep?: (event: UpkeepEvent) => void): Promise<Registered>;
}
