/** Messages of a grpc-js client on their way to whichever stream takes them: one at a time, their senders held back. */
import type { GrpcCall } from "../transport/grpc-js/grpc-js-outcome.ts";
import type { ClientStream } from "../transport/transport.ts";
import { SentRequests } from "./sent-requests.ts";

/** grpc-js's own, which its index does not name. */
export type MessageContext = Parameters<GrpcCall["sendMessageWithContext"]>[0];
type WriteCallback = MessageContext["callback"];

/** WriteFlags.NoCompress, which grpc-js declares without exporting it. */
const NO_COMPRESS = 2;

interface WaitingMessage {
  readonly body: Buffer;
  readonly context: MessageContext;
}

/** The call that they are of. */
export interface MessagesOwner {
  /** Too much is about to be sent to be kept: no further attempt can be made. */
  freeze(): void;
}

export class GrpcJsMessages {
  readonly #owner: MessagesOwner;
  readonly #sent = new SentRequests();
  /** Taken by no stream yet. */
  readonly #waiting: WaitingMessage[] = [];
  #stream: ClientStream | undefined;
  /** The stream has asked to wait. */
  #full = false;
  /** Of the message that filled it. */
  #held: WriteCallback;
  #halfClosed = false;
  /** The stream has been told that no more messages come. */
  #endSent = false;
  #dropped = false;

  constructor(owner: MessagesOwner) {
    this.#owner = owner;
  }

  add(body: Buffer, context: MessageContext): void {
    if (this.#dropped) return taken(context.callback);
    this.#waiting.push({ body, context });
    this.#write();
  }

  /** No more will be added. */
  end(): void {
    this.#halfClosed = true;
    this.#write();
  }

  /** Sends what the stream before this one took, then what waits. */
  attach(stream: ClientStream): void {
    this.#stream = stream;
    this.#endSent = false;
    this.#full = !this.#sent.resend(stream);
    this.#moveOn();
  }

  detach(): void {
    this.#stream = undefined;
  }

  /** The stream takes more. */
  drained(): void {
    this.#full = false;
    this.#moveOn();
  }

  /** What was sent will not be sent again. */
  forget(): void {
    this.#sent.forget();
  }

  /** The call is over: nothing is sent any more, and nobody waits for it. */
  drop(): void {
    this.#dropped = true;
    this.#stream = undefined;
    this.#sent.forget();
    this.#release();
    for (const { context } of this.#waiting.splice(0)) taken(context.callback);
  }

  #moveOn(): void {
    if (!this.#full) this.#release();
    this.#write();
  }

  #write(): void {
    while (this.#stream !== undefined && !this.#full) {
      const message = this.#waiting.shift();
      if (message === undefined) return this.#writeEnd(this.#stream);
      const encoding = ((message.context.flags ?? 0) & NO_COMPRESS) === 0 ? undefined : "identity";
      if (!this.#sent.keep(message.body, encoding)) this.#owner.freeze();
      this.#held = message.context.callback;
      this.#full = !this.#stream.send(message.body, encoding);
      if (!this.#full) this.#release();
    }
  }

  #writeEnd(stream: ClientStream): void {
    if (!this.#halfClosed || this.#endSent) return;
    this.#endSent = true;
    stream.end();
  }

  #release(): void {
    const callback = this.#held;
    this.#held = undefined;
    taken(callback);
  }
}

/** A message was taken, or no longer matters: its sender may go on. */
function taken(callback: WriteCallback): void {
  if (callback !== undefined) process.nextTick(callback);
}
