/** One instance of a service, as a directory knows it. */
import type { Address } from "../call/address.ts";

export interface Endpoint {
  /** Stable for the life of the instance; in Consul the service id. */
  readonly id: string;
  readonly address: Address;
  /** Share of the load against its peers: 1 is normal, more is more. */
  readonly weight: number;
  readonly zone?: string | undefined;
  readonly version?: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}
