/** A method as one client calls it: everything that does not change from call to call, looked up once. */
import { formatAddress } from "../call/address.ts";
import type { Clock } from "../call/clock.ts";
import {
  type AttemptRecord,
  type ClientCallRecord,
  type ClientMethodObserver,
  observerThrew,
} from "../call/observer.ts";
import { MeshError } from "../call/mesh-error.ts";
import { methodLabel } from "../call/method-info.ts";
import type { Random } from "../call/random.ts";
import type { EndpointState } from "../balancing/endpoint-state.ts";
import type { MethodDefinition } from "../contract/definition.ts";
import { mergePolicy } from "../contract/merge-policy.ts";
import type { MethodPolicy, PolicyOverride } from "../contract/policy.ts";
import type { RetryBudget } from "../resilience/retry-budget.ts";
import type { ServiceChannel } from "./service-channel.ts";

export interface ClientEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  /** One budget for all calls of a client to a service. */
  readonly budget: RetryBudget;
  readonly channel: ServiceChannel;
}

export class BoundMethod {
  readonly definition: MethodDefinition;
  readonly label: string;
  readonly environment: ClientEnvironment;
  readonly observers: readonly ClientMethodObserver[];
  readonly #configuration: PolicyOverride | undefined;
  readonly #policy: MethodPolicy;
  readonly #merged = new WeakMap<PolicyOverride, MethodPolicy>();

  /**
   * @param configuration what the mesh's configuration changes of the contract's policy.
   * Throws INVALID_ARGUMENT when the two add up to nonsense.
   */
  constructor(
    definition: MethodDefinition,
    configuration: PolicyOverride | undefined,
    environment: ClientEnvironment,
    observers: readonly ClientMethodObserver[],
  ) {
    this.definition = definition;
    this.label = methodLabel(definition);
    this.environment = environment;
    this.observers = observers;
    this.#configuration = configuration;
    this.#policy = mergePolicy(definition, { configuration });
  }

  /**
   * The policy of a call; merged once per override object. Throws INVALID_ARGUMENT when the two add up to nonsense, or the call
   * names a pick policy: connections and what is known of endpoints belong to one, which was chosen with the client.
   */
  policy(call: PolicyOverride | undefined): MethodPolicy {
    if (call === undefined) return this.#policy;
    if (call.balancing !== undefined) {
      const cure = `give it to mesh.client(), or to the mesh as policies["${this.label}"]`;
      throw new MeshError("INVALID_ARGUMENT", `call of ${this.label} cannot choose its balancing: ${cure}`);
    }
    let merged = this.#merged.get(call);
    if (merged === undefined) {
      merged = mergePolicy(this.definition, { configuration: this.#configuration, call });
      this.#merged.set(call, merged);
    }
    return merged;
  }

  attemptStarted(): void {
    try {
      for (const observer of this.observers) observer.attemptStarted?.();
    } catch (error) {
      observerThrew(error);
    }
  }

  attemptEnded(record: AttemptRecord): void {
    try {
      for (const observer of this.observers) observer.attemptEnded?.(record);
    } catch (error) {
      observerThrew(error);
    }
  }

  callEnded(record: ClientCallRecord): void {
    try {
      for (const observer of this.observers) observer.callEnded?.(record);
    } catch (error) {
      observerThrew(error);
    }
  }
}

/** "host:port" of an endpoint, formatted once. */
const texts = new WeakMap<object, string>();

export function endpointText(state: EndpointState): string {
  const { address } = state.endpoint;
  let text = texts.get(address);
  if (text === undefined) {
    text = formatAddress(address);
    texts.set(address, text);
  }
  return text;
}
