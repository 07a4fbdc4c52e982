/** What a scenario of the chaos suite is, and what came of one. */
import type { GreeterServiceClient } from "../../services/gen/greeter/v1/greeter.mesh.ts";
import type { ConsulCluster } from "../support/consul-cluster.ts";
import type { GreeterFleet } from "../support/greeter-fleet.ts";
import type { UnkindProxy } from "../support/unkind-proxy.ts";

/** What a scenario may lay hands on. */
export interface Scene {
  readonly cluster: ConsulCluster;
  /** Between every mesh and the agent, where the scenario asks for it. */
  readonly proxy: UnkindProxy;
  readonly fleet: GreeterFleet;
  /** The token that meshes use, in a cluster that denies by default. */
  readonly access: TokenKeeper | undefined;
  /** A folder of the scenario's own, empty at first. */
  readonly folder: string;
  /** Has one more client call at the rate of the first, until the end; its calls count as well. */
  underLoad(client: GreeterServiceClient): void;
  /** Ends the scenario's time: everything that waits must give up then. */
  readonly signal: AbortSignal;
}

/** The token of the meshes, which somebody revokes. */
export interface TokenKeeper {
  readonly token: string;
  grant(): Promise<void>;
  revoke(): Promise<void>;
}

/** "short": as short as a fault can be and still be that fault. */
export type Length = "full" | "short";

export interface Scenario {
  /** What happens, in words: the name in the report. */
  readonly name: string;
  /** By which meshes reach the agent; default straight. */
  readonly way?: "straight" | "proxy";
  readonly access?: "open" | "deny";
  /** Milliseconds for which the fault lasts. */
  readonly lasts: Readonly<Record<Length, number>>;
  /** Milliseconds that Consul itself may need to recover, where that is long. */
  readonly consulNeedsMs?: number;
  /** Before the fault, and before the load. */
  prepare?(scene: Scene): Promise<void>;
  /** Makes the fault; the load runs. */
  break(scene: Scene): Promise<void> | void;
  /** Throws unless the fault is there: a suite in which nothing was broken proves nothing. Called right after break(). */
  prove(scene: Scene): Promise<void>;
  /** Ends the fault; recovery is measured from when this begins. */
  mend(scene: Scene): Promise<void> | void;
  /** More that must be true before the mesh counts as recovered. */
  recovered?(scene: Scene): Promise<void>;
  /** Cleans up what the fault has left that is no part of it, after recovery. */
  after?(scene: Scene): Promise<void>;
}

export interface Outcome {
  readonly name: string;
  /** For how long the fault lasted after it had been proved. */
  readonly brokenMs: number;
  readonly calls: number;
  readonly failed: number;
  readonly evicted: number;
  /** The slowest call. */
  readonly slowestMs: number;
  /** From the end of the fault to the first call answered by an instance that was started after it; undefined: never. */
  readonly recoveryMs: number | undefined;
  /** What was broken, a sentence each; none: the scenario has passed. */
  readonly faults: readonly string[];
}
