/** The two ends of a transport by themselves, with bytes for messages: for tests of the port. */
import type { Address } from "../../sdk/src/call/address.ts";
import type { Clock } from "../../sdk/src/call/clock.ts";
import { Metadata } from "../../sdk/src/call/metadata.ts";
import type { CallKind } from "../../sdk/src/call/method-info.ts";
import {
  type CallOutcome,
  type ClientStream,
  type Connection,
  type ConnectionState,
  DEFAULT_LIMITS,
  type IncomingCall,
  type OutgoingCall,
  type ServerMethod,
  type ServerStatus,
  type ServerStream,
  type Transport,
  type TransportLimits,
  type UnaryRespond,
} from "../../sdk/src/transport/transport.ts";
import { Inbox } from "./inbox.ts";

export const NO_METADATA = new Metadata();
export const OK: ServerStatus = { status: 0, reason: "", trailers: NO_METADATA };

export function pathOf(name: string): string {
  return `/lab.v1.LabService/${name}`;
}

function method(name: string, kind: CallKind) {
  return { service: "lab.v1.LabService", name, path: pathOf(name), kind };
}

export function unaryMethod(
  name: string,
  handle: (call: IncomingCall, body: Uint8Array, respond: UnaryRespond) => void,
): [string, ServerMethod] {
  return [pathOf(name), { method: method(name, "unary"), kind: "unary", handle }];
}

/** A streaming call at its server, as it happens: texts, "half-close" and "drain". */
export class StreamAtServer {
  readonly events = new Inbox<string>();
  readonly incoming: IncomingCall;
  readonly stream: ServerStream;

  constructor(incoming: IncomingCall, stream: ServerStream) {
    this.incoming = incoming;
    this.stream = stream;
    incoming.cancellation.onCancel((reason) => {
      stream.finish({ status: reason.status, reason: reason.reason, trailers: NO_METADATA });
      this.events.put(`cancelled: ${reason.code}`);
    });
  }
}

export function streamMethod(name: string, arrived: (call: StreamAtServer) => void): [string, ServerMethod] {
  return [
    pathOf(name),
    {
      method: method(name, "bidiStreaming"),
      kind: "stream",
      handle(incoming, stream) {
        const call = new StreamAtServer(incoming, stream);
        arrived(call);
        return {
          onMessage: (body) => call.events.put(Buffer.from(body).toString()),
          onHalfClose: () => call.events.put("half-close"),
          onDrain: () => call.events.put("drain"),
        };
      },
    },
  ];
}

/** A connection that tells of its states. */
export class Connected {
  readonly states: ConnectionState[] = [];
  readonly connection: Connection;
  #watching: (() => void) | undefined;

  constructor(transport: Transport, to: Address, clock: Clock, limits: Partial<TransportLimits> = {}) {
    this.connection = transport.connect(to, {
      limits: { ...DEFAULT_LIMITS, ...limits },
      clock,
      onStateChange: (state) => {
        this.states.push(state);
        this.#watching?.();
      },
    });
    this.connection.connect();
  }

  async reached(state: ConnectionState): Promise<this> {
    while (this.connection.state !== state) await new Promise<void>((resolve) => (this.#watching = resolve));
    return this;
  }

  /** Waits until it has been in a state so many times: a state may pass too fast to be met. */
  async entered(state: ConnectionState, times: number): Promise<void> {
    while (this.states.filter((one) => one === state).length < times) {
      await new Promise<void>((resolve) => (this.#watching = resolve));
    }
  }

  call(name: string, changes: Partial<OutgoingCall> = {}): OutgoingCall {
    return { path: pathOf(name), metadata: NO_METADATA, deadline: Infinity, encoding: "identity", ...changes };
  }

  unary(name: string, body: Uint8Array = Buffer.from("hi"), changes: Partial<OutgoingCall> = {}): Promise<Ended> {
    return new Promise((resolve) => {
      this.connection.unary(this.call(name, changes), body, {
        onHeaders: () => {},
        onDone: (outcome, response) => resolve({ ...outcome, body: response }),
      });
    });
  }

  stream(name: string, changes: Partial<OutgoingCall> = {}): StreamAtClient {
    return new StreamAtClient(this.connection, this.call(name, changes));
  }
}

export interface Ended extends CallOutcome {
  readonly body?: Uint8Array | undefined;
}

/** A streaming call at its client, as it happens: texts, "headers" and "drain"; then how it ended. */
export class StreamAtClient {
  readonly events = new Inbox<string>();
  readonly stream: ClientStream;
  readonly ended: Promise<CallOutcome>;

  constructor(connection: Connection, call: OutgoingCall) {
    let done: (outcome: CallOutcome) => void = () => {};
    this.ended = new Promise((resolve) => (done = resolve));
    this.stream = connection.open(call, {
      onHeaders: () => this.events.put("headers"),
      onMessage: (body) => this.events.put(Buffer.from(body).toString()),
      onDrain: () => this.events.put("drain"),
      onDone: (outcome) => done(outcome),
    });
  }

  send(text: string): boolean {
    return this.stream.send(Buffer.from(text));
  }

  /** Asks for a message and waits until it, or what comes before it, has come. */
  async read(): Promise<string> {
    this.stream.request();
    return this.events.next();
  }
}
