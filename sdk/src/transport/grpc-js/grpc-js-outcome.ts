/** How a call ended, read from what grpc-js says of it. */
import type { ChannelInterface } from "@grpc/grpc-js";
import { STATUS_NUMBERS } from "../../call/status.ts";
import { HUNG_UP_AT_ONCE, tlsFailure } from "../tls-failure.ts";
import type { CallOutcome } from "../transport.ts";
import { fromGrpc } from "./grpc-js-metadata.ts";

/** grpc-js's own, which its index does not name. */
export type GrpcCall = ReturnType<ChannelInterface["createCall"]>;
export type GrpcListener = Parameters<GrpcCall["start"]>[1];
export type GrpcStatus = Parameters<GrpcListener["onReceiveStatus"]>[0];

/**
 * grpc-js says in words alone that a call never left or was refused unseen; grpc-js-connection.spec.ts fails when these
 * change.
 */
const UNSEEN_REASONS = [
  "No connection established",
  "Name resolution failed",
  "Channel closed before call started",
  "Failed to start HTTP/2 stream with error",
  "Stream refused by server",
];

/** What grpc-js says, under INTERNAL, of a call whose connection was lost by another error than a reset, as EPIPE. */
const LOST = /^Received RST_STREAM with code 2 triggered by internal client error: (?<error>.*)/s;

/**
 * @param answered whether headers have come: then the server has seen the call whatever the words.
 * @param sentBytes of messages before compression, which grpc-js keeps to itself; receivedBytes likewise.
 */
export function outcomeOf(
  { code, details, metadata }: GrpcStatus,
  answered: boolean,
  sentBytes: number,
  receivedBytes: number,
): CallOutcome {
  const trailers = fromGrpc(metadata);
  // A server may pass on the same words of its own calls, but never without a header beside them.
  const local = !answered && trailers.size === 0;
  if (local && UNSEEN_REASONS.some((reason) => details.startsWith(reason))) {
    // For a connection that went as the stream was opened grpc-js says INTERNAL.
    return {
      status: STATUS_NUMBERS.UNAVAILABLE,
      reason: plainly(details),
      trailers,
      processed: false,
      sentBytes: 0,
      receivedBytes: 0,
    };
  }
  const lost =
    trailers.size === 0 && code === STATUS_NUMBERS.INTERNAL ? LOST.exec(details)?.groups?.["error"] : undefined;
  return {
    status: lost === undefined ? code : STATUS_NUMBERS.UNAVAILABLE,
    reason: lost === undefined ? details : `connection was lost: ${lost}`,
    trailers,
    processed: true,
    sentBytes,
    receivedBytes,
  };
}

const LAST_ERROR = /^No connection established\. Last error: (?:Error(?: \[\w+\])?: )?(.*?)\.?\s+Resolution note: /s;
/** What grpc-js says when the server hangs up without a word: with when. */
const HUNG_UP = /^Failed to connect \(/;

/** grpc-js wraps the one thing that matters in words about its own parts. */
function plainly(details: string): string {
  const cause = LAST_ERROR.exec(details)?.[1];
  if (cause === undefined) return details;
  if (HUNG_UP.test(cause)) return `no connection: ${HUNG_UP_AT_ONCE}`;
  return `no connection: ${tlsFailure(cause) ?? cause}`;
}
