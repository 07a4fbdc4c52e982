/**
 * A client and the servers it calls, in memory and virtual time. Messages are texts; servers do what the test says when a
 * call has arrived.
 */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import type { Endpoint } from "../../sdk/src/balancing/endpoint.ts";
import { Balancer } from "../../sdk/src/balancing/balancer.ts";
import { roundRobin } from "../../sdk/src/balancing/round-robin.ts";
import type { Address } from "../../sdk/src/call/address.ts";
import { Metadata, type MetadataInit } from "../../sdk/src/call/metadata.ts";
import type { AttemptRecord, ClientCallRecord } from "../../sdk/src/call/observer.ts";
import type { CallKind } from "../../sdk/src/call/method-info.ts";
import { type StatusCode, STATUS_NUMBERS } from "../../sdk/src/call/status.ts";
import { BoundMethod } from "../../sdk/src/client/bound-method.ts";
import type { ConnectionOptions } from "../../sdk/src/client/connection-options.ts";
import { ServiceChannel } from "../../sdk/src/client/service-channel.ts";
import type { MethodDefinition } from "../../sdk/src/contract/definition.ts";
import type { MessageCodec } from "../../sdk/src/contract/message-codec.ts";
import type { MethodPolicy } from "../../sdk/src/contract/policy.ts";
import type { Directory, EndpointView } from "../../sdk/src/discovery/directory.ts";
import { RetryBudget, type RetryBudgetOptions } from "../../sdk/src/resilience/retry-budget.ts";
import { inMemoryTransport } from "../../sdk/src/testing/in-memory-transport.ts";
import { VirtualClock } from "../../sdk/src/testing/virtual-clock.ts";
import {
  DEFAULT_LIMITS,
  type IncomingCall,
  type Listener,
  type ServerStatus,
  type ServerStream,
} from "../../sdk/src/transport/transport.ts";

/** Texts as UTF-8; "!" is no message, whichever way. */
export const TEXT: MessageCodec<unknown> = {
  encode: (text) => {
    if (typeof text !== "string" || text === "!") throw new TypeError(`${String(text)} is no text`);
    return { finish: () => Buffer.from(text) };
  },
  decode: (bytes) => {
    const text = Buffer.from(bytes).toString();
    if (text === "!") throw new RangeError("index out of range");
    return text;
  },
  fromPartial: (text) => text,
};

const KINDS = { Ask: "unary", List: "serverStreaming", Gather: "clientStreaming", Chat: "bidiStreaming" } as const;
export type MethodName = keyof typeof KINDS;

export function textMethod(name: MethodName, policy: Partial<MethodPolicy> = {}): MethodDefinition {
  const service = "lab.v1.LabService";
  const kind: CallKind = KINDS[name];
  const whole = { idempotency: "IDEMPOTENT", ...policy } as const;
  return { service, name, path: `/${service}/${name}`, kind, input: TEXT, output: TEXT, policy: whole };
}

/** A directory that says what the test says. */
export class ManualDirectory implements Directory {
  readonly #listeners = new Set<(view: EndpointView) => void>();

  watch(_name: string, listener: (view: EndpointView) => void) {
    this.#listeners.add(listener);
    return { close: () => void this.#listeners.delete(listener) };
  }

  publish(view: EndpointView): void {
    for (const listener of this.#listeners) listener(view);
  }

  get watched(): number {
    return this.#listeners.size;
  }

  close(): void {
    this.#listeners.clear();
  }
}

export function endpoint(host: string, changes: Partial<Endpoint> = {}): Endpoint {
  return { id: host, address: { host, port: 1 }, weight: 1, metadata: {}, ...changes };
}

export function live(...hosts: string[]): EndpointView {
  return { endpoints: hosts.map((host) => endpoint(host)), freshness: "live" };
}

/** A status as a server gives it. */
export function status(code: StatusCode, reason = "", trailers: MetadataInit = {}): ServerStatus {
  return { status: STATUS_NUMBERS[code], reason, trailers: new Metadata().addAll(Metadata.from(trailers)) };
}

/** A call that has reached a server and waits for the test to answer it. */
export class ServedByTest {
  readonly incoming: IncomingCall;
  readonly stream: ServerStream | undefined;
  /** Texts received; of a stream those it was asked for. */
  readonly received: string[] = [];
  halfClosed = false;
  drained = 0;
  readonly #finish: (status: ServerStatus, body?: Uint8Array) => void;

  constructor(
    incoming: IncomingCall,
    finish: (status: ServerStatus, body?: Uint8Array) => void,
    stream?: ServerStream,
  ) {
    this.incoming = incoming;
    this.stream = stream;
    this.#finish = finish;
    incoming.cancellation.onCancel((reason) => finish(status(reason.code, reason.reason)));
  }

  answer(text: string, trailers: MetadataInit = {}): void {
    this.#finish(status("OK", "", trailers), Buffer.from(text));
  }

  send(text: string): boolean {
    assert.ok(this.stream);
    return this.stream.send(Buffer.from(text));
  }

  end(): void {
    this.#finish(status("OK"));
  }

  fail(code: StatusCode, reason = "", trailers: MetadataInit = {}): void {
    this.#finish(status(code, reason, trailers));
  }

  get previousAttempts(): string | undefined {
    return this.incoming.metadata.get("grpc-previous-rpc-attempts");
  }
}

export interface Peer {
  readonly address: Address;
  readonly listener: Listener;
  /** In the order of their arrival. */
  readonly calls: ServedByTest[];
}

export interface LabOptions {
  readonly budget?: Partial<RetryBudgetOptions>;
  readonly random?: () => number;
  readonly connections?: ConnectionOptions;
}

export class CallLab {
  readonly clock = new VirtualClock(1_700_000_000_000);
  readonly transport = inMemoryTransport({ clock: this.clock });
  readonly directory = new ManualDirectory();
  readonly channel: ServiceChannel;
  readonly budget: RetryBudget;
  readonly attempts: AttemptRecord[] = [];
  readonly calls: ClientCallRecord[] = [];
  started = 0;
  readonly #random: () => number;

  constructor(options: LabOptions = {}) {
    const { clock, transport, directory } = this;
    this.#random = options.random ?? (() => 0);
    this.budget = new RetryBudget({ clock, ...options.budget });
    this.channel = new ServiceChannel({
      target: "manual:///lab",
      name: "lab",
      directory,
      transport,
      balancer: new Balancer({ policy: roundRobin, clock, random: this.#random }),
      clock,
      limits: DEFAULT_LIMITS,
      connections: options.connections,
    });
  }

  /** A client with servers at the hosts, all connected. */
  static async with(hosts: readonly string[], options: LabOptions = {}): Promise<{ lab: CallLab; peers: Peer[] }> {
    const lab = new CallLab(options);
    const peers: Peer[] = [];
    for (const host of hosts) peers.push(await lab.serve(host));
    lab.directory.publish(live(...hosts));
    await lab.settle();
    return { lab, peers };
  }

  method(name: MethodName, policy: Partial<MethodPolicy> = {}): BoundMethod {
    const environment = { clock: this.clock, random: this.#random, budget: this.budget, channel: this.channel };
    const observer = {
      attemptStarted: () => void this.started++,
      attemptEnded: (record: AttemptRecord) => void this.attempts.push(record),
      callEnded: (record: ClientCallRecord) => void this.calls.push(record),
    };
    return new BoundMethod(textMethod(name, policy), undefined, environment, [observer]);
  }

  /** A server at host:1 whose calls wait for the test. It asks for every message of a stream, unless told otherwise. */
  async serve(host: string, reads: "all" | "none" = "all"): Promise<Peer> {
    const calls: ServedByTest[] = [];
    const dispatch = new Map(
      (Object.keys(KINDS) as MethodName[]).map((name) => {
        const method = textMethod(name);
        const unary = {
          method,
          kind: "unary" as const,
          handle(incoming: IncomingCall, body: Uint8Array, respond: (status: ServerStatus, body?: Uint8Array) => void) {
            const served = new ServedByTest(incoming, respond);
            served.received.push(Buffer.from(body).toString());
            calls.push(served);
          },
        };
        const stream = {
          method,
          kind: "stream" as const,
          handle(incoming: IncomingCall, stream: ServerStream) {
            const finish = (status: ServerStatus, body?: Uint8Array): void => {
              if (body !== undefined) stream.send(body);
              stream.finish(status);
            };
            const served = new ServedByTest(incoming, finish, stream);
            calls.push(served);
            if (reads === "all") stream.request();
            return {
              onMessage(body: Uint8Array) {
                served.received.push(Buffer.from(body).toString());
                if (reads === "all") stream.request();
              },
              onHalfClose: () => void (served.halfClosed = true),
              onDrain: () => void served.drained++,
            };
          },
        };
        return [method.path, method.kind === "unary" ? unary : stream] as const;
      }),
    );
    const { clock } = this;
    const listener = await this.transport.listen(
      { address: { host, port: 1 }, limits: DEFAULT_LIMITS, clock },
      dispatch,
    );
    return { address: listener.address, listener, calls };
  }

  /** Lets everything that is due now happen. */
  settle(): Promise<void> {
    return this.clock.advanceAsync(0);
  }

  /** Nothing of any call is left: no timer, no open call, no pick that is still counted; every start has its end. */
  assertQuiet(): void {
    assert.equal(this.clock.pending, 0, "timers are left");
    assert.equal(this.transport.openCalls, 0, "calls are open");
    for (const state of this.channel.endpoints) assert.equal(state.inFlight, 0, `in flight at ${state.endpoint.id}`);
    assert.equal(this.attempts.length, this.started, "attempts that started and that ended");
  }
}

/** Listeners on a signal: none are left when nothing leaks. */
export function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, "abort").length;
}
