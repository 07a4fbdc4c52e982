/**
 * A service of the transport port that peers in other languages have as well (test/peers/python/lab.py): one method for
 * each kind of call, one that fails, and one that is held until its caller is gone.
 */
import { Metadata } from "../../sdk/src/call/metadata.ts";
import { STATUS_NUMBERS } from "../../sdk/src/call/status.ts";
import type {
  IncomingCall,
  ServerMethod,
  ServerStream,
  ServerStreamReceiver,
} from "../../sdk/src/transport/transport.ts";
import { Inbox } from "./inbox.ts";
import { OK, pathOf, unaryMethod } from "./transport-lab.ts";

/** What Fail says: characters that grpc-message must encode. */
export const FAILURE = "nobody — привет 100%";

/** What a caller's metadata under these keys is answered with: as headers and as trailers, "x-" cut off. */
const ECHOED = ["x-text", "x-raw-bin"] as const;

export class LabService {
  /** Calls of Hold whose callers are gone, with the code that their cancellation had. */
  readonly cancelled = new Inbox<string>();
  /** Calls of every kind that have arrived. */
  calls = 0;
  /** Of the last call of Echo: its message's bytes on the wire. */
  echoedWireBytes = 0;
  /** The same of its answer. */
  answeredWireBytes = 0;

  readonly dispatch: ReadonlyMap<string, ServerMethod> = new Map([
    unaryMethod("Echo", (call, body, respond) => {
      this.calls++;
      this.echoedWireBytes = call.receivedBytes;
      const { headers, trailers } = echoed(call.metadata);
      call.encoding = "gzip";
      call.sendHeaders(headers);
      respond({ ...OK, trailers }, body);
      this.answeredWireBytes = call.sentBytes;
    }),
    unaryMethod("Fail", (_call, _body, respond) => {
      this.calls++;
      respond(
        { status: STATUS_NUMBERS.NOT_FOUND, reason: FAILURE, trailers: new Metadata().set("x-why", "empty") },
        undefined,
      );
    }),
    unaryMethod("Hold", (call, _body, respond) => {
      this.calls++;
      call.cancellation.onCancel(({ status, reason, code }) => {
        respond({ ...OK, status, reason }, undefined);
        this.cancelled.put(code);
      });
    }),
    // Answers when a held call is over, so that a client sees from afar that its cancelling was heard.
    unaryMethod("Cancelled", (_call, _body, respond) => {
      void this.cancelled.next().then((code) => respond(OK, Buffer.from(code)));
    }),
    this.#stream("List", (stream) => new Lister(stream)),
    this.#stream("Gather", (stream) => new Gatherer(stream)),
    this.#stream("Chat", (stream) => new Chatter(stream)),
  ]);

  #stream(name: string, make: (stream: ServerStream) => ServerStreamReceiver): [string, ServerMethod] {
    const method = { service: "lab.v1.LabService", name, path: pathOf(name), kind: "bidiStreaming" } as const;
    const handle = (call: IncomingCall, stream: ServerStream): ServerStreamReceiver => {
      this.calls++;
      call.cancellation.onCancel(({ status, reason }) => stream.finish({ ...OK, status, reason }));
      stream.request();
      return make(stream);
    };
    return [pathOf(name), { method, kind: "stream", handle }];
  }
}

function echoed(metadata: Metadata): { headers: Metadata; trailers: Metadata } {
  const headers = new Metadata();
  const trailers = new Metadata();
  for (const key of ECHOED) {
    const value = key.endsWith("-bin") ? metadata.getBinary(key) : metadata.get(key);
    if (value === undefined) continue;
    headers.set(`head-${key.slice(2)}`, value);
    trailers.set(`trail-${key.slice(2)}`, value);
  }
  return { headers, trailers };
}

/** Takes "count bytes" and sends so many messages of so many bytes, as fast as they are read. */
class Lister implements ServerStreamReceiver {
  readonly #stream: ServerStream;
  #left = 0;
  #message = Buffer.alloc(0);

  constructor(stream: ServerStream) {
    this.#stream = stream;
  }

  onMessage(body: Uint8Array): void {
    const [count = 0, bytes = 0] = Buffer.from(body).toString().split(" ").map(Number);
    this.#left = count;
    this.#message = Buffer.alloc(bytes, "l");
    this.#stream.request();
  }

  onHalfClose(): void {
    this.onDrain();
  }

  onDrain(): void {
    while (this.#left > 0) {
      this.#left--;
      if (!this.#stream.send(this.#message)) return;
    }
    this.#stream.finish(OK);
  }
}

/** Takes messages until there are no more and answers "count bytes". */
class Gatherer implements ServerStreamReceiver {
  readonly #stream: ServerStream;
  #count = 0;
  #bytes = 0;

  constructor(stream: ServerStream) {
    this.#stream = stream;
  }

  onMessage(body: Uint8Array): void {
    this.#count++;
    this.#bytes += body.length;
    this.#stream.request();
  }

  onHalfClose(): void {
    this.#stream.send(Buffer.from(`${this.#count} ${this.#bytes}`));
    this.#stream.finish(OK);
  }

  onDrain(): void {}
}

/** Sends back what comes, one at a time. */
class Chatter implements ServerStreamReceiver {
  readonly #stream: ServerStream;
  #full = false;
  #over = false;

  constructor(stream: ServerStream) {
    this.#stream = stream;
  }

  onMessage(body: Uint8Array): void {
    this.#full = !this.#stream.send(body);
    if (!this.#full) this.#stream.request();
  }

  onHalfClose(): void {
    this.#over = true;
    this.#stream.finish(OK);
  }

  onDrain(): void {
    if (!this.#full || this.#over) return;
    this.#full = false;
    this.#stream.request();
  }
}
