/**
 * A channel of ours for clients that grpc-js generated: their channelOverride. What they call goes through the mesh's
 * discovery, balancing and transport; grpc-js's own interceptors, serialisation and client classes stay above it.
 */
import { type ChannelInterface, connectivityState, propagate } from "@grpc/grpc-js";
import { MeshError } from "../call/mesh-error.ts";
import type { MethodInfo } from "../call/method-info.ts";
import type { ClientMethodObserver } from "../call/observer.ts";
import type { MethodDefinition, ServiceDefinition } from "../contract/definition.ts";
import type { MessageCodec } from "../contract/message-codec.ts";
import type { PolicyOverride } from "../contract/policy.ts";
import { UNREGISTERED_METHOD } from "../telemetry/call-metrics.ts";
import type { ConnectionState } from "../transport/transport.ts";
import { BoundMethod, type ClientEnvironment } from "./bound-method.ts";
import { GrpcJsCall } from "./grpc-js-call.ts";
import type { CredentialsRule } from "./grpc-js-credentials.ts";

type CreateCall = ChannelInterface["createCall"];
type WatchState = ChannelInterface["watchConnectivityState"];

export interface GrpcJsChannelOptions {
  /** Of what the contracts do not name; its state is the channel's. */
  readonly environment: ClientEnvironment;
  /** Contracts of services that are called through it; what they do not name is called as bytes of an unknown method. */
  readonly contracts: readonly ServiceDefinition[];
  readonly credentialsRule: CredentialsRule;
  /** What the mesh's configuration changes of a method's policy. */
  configured(method: MethodDefinition): PolicyOverride | undefined;
  /** That of a method whose contract or configuration names a pick policy. */
  environmentOf(method: MethodDefinition): ClientEnvironment;
  /** Called once for each method. */
  observe(method: MethodInfo): readonly ClientMethodObserver[];
}

/**
 * Paths that are looked up and observed under their own names. Whoever calls by more of them makes them up, and is
 * counted as "other" (gRFC A66), so that a proxy's callers do not decide how many there are.
 */
const MAX_NAMED_METHODS = 256;

const STATES: Readonly<Record<ConnectionState, connectivityState>> = {
  idle: connectivityState.IDLE,
  connecting: connectivityState.CONNECTING,
  ready: connectivityState.READY,
  failed: connectivityState.TRANSIENT_FAILURE,
  closed: connectivityState.SHUTDOWN,
};

/** grpc-js has serialised the messages already. */
const BYTES: MessageCodec<unknown> = {
  encode: (message) => ({ finish: () => message as Uint8Array }),
  decode: (bytes) => bytes,
  fromPartial: (message) => message,
};

export class GrpcJsChannel implements ChannelInterface {
  readonly #options: GrpcJsChannelOptions;
  readonly #contracts = new Map<string, MethodDefinition>();
  readonly #methods = new Map<string, BoundMethod>();
  #unnamed: readonly ClientMethodObserver[] | undefined;
  #calls = 0;
  #closed = false;

  constructor(options: GrpcJsChannelOptions) {
    this.#options = options;
    for (const { methods } of options.contracts) {
      for (const method of Object.values(methods)) this.#contracts.set(method.path, method);
    }
  }

  /** Makes no more calls; the connections are the mesh's, and those of its other clients. */
  close(): void {
    this.#closed = true;
  }

  getTarget(): string {
    return this.#options.environment.channel.target;
  }

  getConnectivityState(tryToConnect: boolean): connectivityState {
    if (tryToConnect && !this.#closed) this.#options.environment.channel.wake();
    return this.#closed ? connectivityState.SHUTDOWN : STATES[this.#options.environment.channel.state];
  }

  watchConnectivityState(seen: connectivityState, ...[deadline, callback]: Rest<WatchState>): void {
    this.#checkOpen();
    const { clock, channel } = this.#options.environment;
    const look = (): void => {
      if (this.getConnectivityState(false) === seen) {
        stop = channel.onceChanged(look);
      } else {
        timer.cancel();
        process.nextTick(callback);
      }
    };
    let stop = (): void => {};
    const late = (): void => {
      stop();
      callback(new Error(`channel of ${this.getTarget()} did not change its state before the deadline`));
    };
    const timer = clock.setTimer(late, Math.max(0, Number(deadline) - clock.wallTime()));
    look();
  }

  /** The mesh's own metrics tell what channelz would; this only gives the channel a name. */
  getChannelzRef(): ReturnType<ChannelInterface["getChannelzRef"]> {
    const ref = { kind: "channel", id: 0, name: this.getTarget() };
    return ref as ReturnType<ChannelInterface["getChannelzRef"]>;
  }

  /** The host is the endpoint's own, whatever the call asks for. */
  createCall(...[path, deadline, , parent, flags]: Parameters<CreateCall>): GrpcJsCall {
    this.#checkOpen();
    return new GrpcJsCall({
      method: this.#method(path),
      deadline,
      parent,
      propagate: flags ?? propagate.DEFAULTS,
      credentialsRule: this.#options.credentialsRule,
      number: this.#calls++,
    });
  }

  #method(path: string): BoundMethod {
    const known = this.#methods.get(path);
    if (known !== undefined) return known;
    const definition = bytesMethod(path, this.#contracts.get(path));
    if (this.#methods.size >= MAX_NAMED_METHODS) {
      this.#unnamed ??= this.#options.observe(UNREGISTERED_METHOD);
      return this.#bind(definition, this.#unnamed);
    }
    const method = this.#bind(definition, this.#options.observe(definition));
    this.#methods.set(path, method);
    return method;
  }

  #bind(definition: MethodDefinition, observers: readonly ClientMethodObserver[]): BoundMethod {
    const environment = this.#options.environmentOf(definition);
    return new BoundMethod(definition, this.#options.configured(definition), environment, observers);
  }

  #checkOpen(): void {
    if (!this.#closed) return;
    throw new MeshError("FAILED_PRECONDITION", `channel of ${this.getTarget()} was closed: take another of the mesh`);
  }
}

type Rest<F> = F extends (first: never, ...rest: infer R) => unknown ? R : never;

/** grpc-js does not tell a channel the kind of a method, and a stream of bytes is what every kind can be. */
function bytesMethod(path: string, contract: MethodDefinition | undefined): MethodDefinition {
  const names = /^\/?(.*?)(?:\/([^/]*))?$/.exec(path);
  return {
    service: names?.[1] ?? "",
    name: names?.[2] ?? "",
    path,
    kind: "bidiStreaming",
    input: BYTES,
    output: BYTES,
    policy: contract?.policy ?? { idempotency: "IDEMPOTENCY_UNKNOWN" },
  };
}
