/** Takes what grpc-js delivers of a unary call. */
import { STATUS_NUMBERS } from "../../call/status.ts";
import type { CallOutcome, UnaryReceiver } from "../transport.ts";
import { fromGrpc } from "./grpc-js-metadata.ts";
import { type GrpcListener, type GrpcStatus, outcomeOf } from "./grpc-js-outcome.ts";

export class UnaryListener implements GrpcListener {
  readonly #receiver: UnaryReceiver;
  #answered = false;
  #body: Uint8Array | undefined;

  constructor(receiver: UnaryReceiver) {
    this.#receiver = receiver;
  }

  onReceiveMetadata(metadata: Parameters<GrpcListener["onReceiveMetadata"]>[0]): void {
    this.#answered = true;
    this.#receiver.onHeaders(fromGrpc(metadata));
  }

  onReceiveMessage(message: Uint8Array): void {
    this.#body = message;
  }

  onReceiveStatus(status: GrpcStatus): void {
    const outcome = outcomeOf(status, this.#answered);
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
