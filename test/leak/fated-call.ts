/** One call of the leak test, from its start to its outcome. */
import { Metadata } from "../../sdk/src/call/metadata.ts";
import { STATUS_NUMBERS } from "../../sdk/src/call/status.ts";
import type {
  CallOutcome,
  ClientStream,
  Connection,
  OpenCall,
  OutgoingCall,
  StreamReceiver,
  UnaryReceiver,
} from "../../sdk/src/transport/transport.ts";
import type { Fate } from "./fates.ts";
import { pathOf } from "../support/transport-lab.ts";

const NO_METADATA = new Metadata();

/** Settles with its outcome, whatever that is. */
export function makeCall(connection: Connection, fate: Fate, now: number): Promise<CallOutcome> {
  return new Promise((resolve) => {
    const call = new FatedCall(connection, fate, resolve);
    if (fate.kind === "unary") call.unary(now);
    else call.stream(now);
  });
}

class FatedCall implements UnaryReceiver, StreamReceiver {
  readonly #connection: Connection;
  readonly #fate: Fate;
  readonly #done: (outcome: CallOutcome) => void;
  #open: OpenCall | undefined;
  #stream: ClientStream | undefined;
  #sent = 0;
  #received = 0;
  #over = false;

  constructor(connection: Connection, fate: Fate, done: (outcome: CallOutcome) => void) {
    this.#connection = connection;
    this.#fate = fate;
    this.#done = done;
  }

  unary(now: number): void {
    this.#open = this.#connection.unary(this.#call(this.#fate.server, now), this.#body(), this);
    this.#cancelSoon();
  }

  stream(now: number): void {
    const stream = this.#connection.open(this.#call("Stream", now), this);
    this.#open = stream;
    this.#stream = stream;
    stream.request();
    this.#send();
    this.#cancelSoon();
  }

  onHeaders(): void {
    if (this.#fate.cancel.when === "headers") this.#cancel();
  }

  onMessage(): void {
    this.#received++;
    const { cancel, kind } = this.#fate;
    if (cancel.when === "message" && cancel.at === this.#received) return this.#cancel();
    this.#stream?.request();
    if (kind === "bidi") this.#send();
  }

  onDrain(): void {
    this.#send();
  }

  onDone(outcome: CallOutcome): void {
    if (this.#over) throw new Error("call has ended twice");
    this.#over = true;
    this.#done(outcome);
  }

  /** Sends what it may: one message of a conversation, all of a client's stream, one word of a server's. */
  #send(): void {
    const stream = this.#stream;
    if (stream === undefined || this.#over) return;
    const { kind, messages } = this.#fate;
    const wanted = kind === "serverStream" ? 1 : messages;
    while (this.#sent < wanted) {
      this.#sent++;
      if (!stream.send(this.#body())) return;
      // The next word of a conversation follows its answer.
      if (kind === "bidi" && this.#sent < wanted) return;
    }
    stream.end();
    if (this.#fate.cancel.when === "halfClosed") this.#cancel();
  }

  #cancelSoon(): void {
    const { cancel } = this.#fate;
    if (cancel.when === "atOnce") this.#cancel();
    else if (cancel.when === "turns") this.#after(cancel.turns);
  }

  #after(turns: number): void {
    if (this.#over) return;
    if (turns === 0) this.#cancel();
    else setImmediate(() => this.#after(turns - 1));
  }

  #cancel(): void {
    this.#open?.cancel(STATUS_NUMBERS.CANCELLED, "as fate has it");
  }

  #call(method: string, now: number): OutgoingCall {
    const { timeoutMs, gzip } = this.#fate;
    return {
      path: pathOf(method),
      metadata: NO_METADATA,
      deadline: now + timeoutMs,
      encoding: gzip ? "gzip" : "identity",
    };
  }

  /** The first two bytes tell the server what to do. */
  #body(): Buffer {
    const { kind, server, bytes, messages } = this.#fate;
    const body = Buffer.allocUnsafe(bytes + 2);
    body[0] = (server === "answers" ? kind : server).charCodeAt(0);
    body[1] = messages;
    return body;
  }
}
