/** What serves the calls of the leak test: their first bytes tell it what to do. */
import { Metadata } from "../../sdk/src/call/metadata.ts";
import { STATUS_NUMBERS } from "../../sdk/src/call/status.ts";
import type {
  Dispatch,
  IncomingCall,
  ServerMethod,
  ServerStream,
  ServerStreamReceiver,
} from "../../sdk/src/transport/transport.ts";
import { OK, pathOf, unaryMethod } from "../support/transport-lab.ts";

const FAILED = {
  status: STATUS_NUMBERS.ABORTED,
  reason: "as fate has it",
  trailers: new Metadata().set("x-why", "fate"),
};

export function fatedDispatch(): Dispatch {
  const method = {
    service: "lab.v1.LabService",
    name: "Stream",
    path: pathOf("Stream"),
    kind: "bidiStreaming",
  } as const;
  const stream: ServerMethod = { method, kind: "stream", handle: (call, stream) => new FatedStream(call, stream) };
  return new Map([
    unaryMethod("answers", (call, body, respond) => {
      call.encoding = "gzip";
      respond(OK, body);
    }),
    unaryMethod("fails", (_call, _body, respond) => respond(FAILED, undefined)),
    // As a handler does that hears of its cancellation and ends some time later.
    unaryMethod("holds", (call, _body, respond) => {
      call.cancellation.onCancel(({ status, reason }) => setImmediate(respond, { ...OK, status, reason }, undefined));
    }),
    [method.path, stream],
  ]);
}

class FatedStream implements ServerStreamReceiver {
  readonly #stream: ServerStream;
  #left = 0;
  #message: Uint8Array = Buffer.alloc(0);
  #halfClosed = false;
  #holds = false;

  constructor(call: IncomingCall, stream: ServerStream) {
    this.#stream = stream;
    call.cancellation.onCancel(({ status, reason }) => setImmediate(() => stream.finish({ ...OK, status, reason })));
    stream.request();
  }

  onMessage(body: Uint8Array): void {
    switch (String.fromCharCode(body[0] ?? 0)) {
      case "s":
        this.#left = body[1] ?? 0;
        this.#message = body;
        return this.onDrain();
      case "b":
        this.#left = 1;
        this.#message = body;
        return this.onDrain();
      case "f":
        return this.#stream.finish(FAILED);
      case "h":
        this.#holds = true;
        return;
      default:
        this.#stream.request();
    }
  }

  onHalfClose(): void {
    this.#halfClosed = true;
    this.#end();
  }

  onDrain(): void {
    while (this.#left > 0) {
      this.#left--;
      if (!this.#stream.send(this.#message)) return;
    }
    this.#stream.request();
    this.#end();
  }

  #end(): void {
    if (this.#halfClosed && this.#left === 0 && !this.#holds) this.#stream.finish(OK);
  }
}
