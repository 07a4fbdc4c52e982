/** A unary call over grpc-js: takes what is delivered of it, and ends it early. */
import { STATUS_NUMBERS } from "../../call/status.ts";
import type { CallOutcome, OpenCall, UnaryReceiver } from "../transport.ts";
import { fromGrpc } from "./grpc-js-metadata.ts";
import { type GrpcCall, type GrpcListener, type GrpcStatus, outcomeOf } from "./grpc-js-outcome.ts";

export class UnaryListener implements GrpcListener, OpenCall {
  readonly #call: GrpcCall;
  readonly #receiver: UnaryReceiver;
  readonly #sentBytes: number;
  #answered = false;
  #body: Uint8Array | undefined;

  constructor(call: GrpcCall, receiver: UnaryReceiver, sentBytes: number) {
    this.#call = call;
    this.#receiver = receiver;
    this.#sentBytes = sentBytes;
  }

  cancel(status: number, reason: string): void {
    this.#call.cancelWithStatus(status, reason);
  }

  onReceiveMetadata(metadata: Parameters<GrpcListener["onReceiveMetadata"]>[0]): void {
    this.#answered = true;
    this.#receiver.onHeaders(fromGrpc(metadata));
  }

  onReceiveMessage(message: Uint8Array): void {
    this.#body = message;
  }

  onReceiveStatus(status: GrpcStatus): void {
    const outcome = outcomeOf(status, this.#answered, this.#sentBytes, this.#body?.byteLength ?? 0);
    if (outcome.status === STATUS_NUMBERS.OK && this.#body === undefined) {
      this.#receiver.onDone(noMessage(outcome), undefined);
    } else {
      this.#receiver.onDone(outcome, this.#body);
    }
  }
}

/** An OK without its message breaks the protocol: INTERNAL, as in every gRPC client. */
function noMessage(outcome: CallOutcome): CallOutcome {
  return { ...outcome, status: STATUS_NUMBERS.INTERNAL, reason: "server sent status OK without a response message" };
}
