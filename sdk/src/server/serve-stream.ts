/** Serves the streaming kinds: requests are read as fast as the handler takes them, responses sent as fast as the caller does. */
import { MeshError } from "../call/mesh-error.ts";
import { MessageQueue } from "../transport/message-queue.ts";
import type { IncomingCall, ServerMethod, ServerStream, ServerStreamReceiver } from "../transport/transport.ts";
import { ServedCall } from "./served-call.ts";
import type { ServedMethod } from "./served-method.ts";

/** Requests asked for ahead of the handler: hides the way through the event loop, bounds what a slow handler holds. */
const READ_AHEAD = 8;

export function serveStream(method: ServedMethod): ServerMethod {
  return {
    method: method.definition,
    kind: "stream",
    handle: (incoming, stream) => new StreamedCall(method, incoming, stream).start(),
  };
}

class StreamedCall implements ServerStreamReceiver {
  readonly #call: ServedCall;
  readonly #stream: ServerStream;
  readonly #requests: MessageQueue;
  #wake: (() => void) | undefined;

  constructor(method: ServedMethod, incoming: IncomingCall, stream: ServerStream) {
    this.#stream = stream;
    this.#call = new ServedCall(method, incoming, (status) => stream.finish(status));
    this.#requests = new MessageQueue({
      wanted: () => stream.request(),
      // A handler may stop reading and still answer.
      abandoned: () => {},
    });
    this.#call.onCancel((reason) => {
      this.#requests.fail(reason);
      this.#wake?.();
    });
  }

  start(): this {
    if (!this.#call.over) {
      for (let asked = 0; asked < READ_AHEAD; asked++) this.#stream.request();
      // A generator runs in the context of whoever pulls it, so all of the serving is done in the call's.
      void this.#call.inContext(() => this.#serve());
    }
    return this;
  }

  onMessage(body: Uint8Array): void {
    if (this.#call.over) return;
    try {
      this.#requests.push(this.#call.method.decode(body));
    } catch (error) {
      this.#call.fail(error);
    }
  }

  onHalfClose(): void {
    this.#requests.end();
  }

  onDrain(): void {
    this.#wake?.();
  }

  /** Runs the handler and sends what it gives; never rejects. */
  async #serve(): Promise<void> {
    const call = this.#call;
    const { kind } = call.method.definition;
    try {
      const input = kind === "serverStreaming" ? await this.#onlyRequest() : this.#requests;
      const output = await call.run(input);
      if (kind === "clientStreaming") await this.#send(output);
      else await this.#sendAll(output);
      call.sendHeaders();
      call.succeed();
      this.#requests.end();
    } catch (error) {
      call.fail(error);
    } finally {
      call.settled();
    }
  }

  async #onlyRequest(): Promise<unknown> {
    const first = await this.#requests.next();
    if (first.done === true) throw new MeshError("INTERNAL", `caller of ${this.#call.method.label} sent no request`);
    return first.value;
  }

  async #sendAll(output: unknown): Promise<void> {
    for await (const message of iterable(output, this.#call.method.label)) {
      // Leaving the loop lets the handler's generator run its finally blocks.
      if (this.#call.over) return;
      await this.#send(message);
      if (this.#call.over) return;
    }
  }

  async #send(message: unknown): Promise<void> {
    const call = this.#call;
    if (call.over) return;
    const body = call.method.encode(message);
    call.sendHeaders();
    if (!this.#stream.send(body)) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

function iterable(output: unknown, label: string): AsyncIterable<unknown> | Iterable<unknown> {
  if (typeof output === "object" && output !== null && (Symbol.asyncIterator in output || Symbol.iterator in output)) {
    return output as AsyncIterable<unknown> | Iterable<unknown>;
  }
  throw new MeshError("INTERNAL", `handler of ${label} did not return an iterable: write it as "async *method(...)"`);
}
