/** What HTTP/2 says of a call that ended without a grpc-status, in gRPC's numbers. */
import { STATUS_NUMBERS } from "../../call/status.ts";

/**
 * The status of a response that is not gRPC's: of a proxy, or of a server that is none of ours
 * (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
 */
export function statusOfHttp(code: number): number {
  switch (code) {
    case 400:
      return STATUS_NUMBERS.INTERNAL;
    case 401:
      return STATUS_NUMBERS.UNAUTHENTICATED;
    case 403:
      return STATUS_NUMBERS.PERMISSION_DENIED;
    case 404:
      return STATUS_NUMBERS.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return STATUS_NUMBERS.UNAVAILABLE;
    default:
      return STATUS_NUMBERS.UNKNOWN;
  }
}

/** Error codes of RST_STREAM (RFC 9113, section 7) that mean something other than a broken peer. */
const REFUSED_STREAM = 0x7;
const CANCEL = 0x8;
const ENHANCE_YOUR_CALM = 0xb;
const INADEQUATE_SECURITY = 0xc;

/**
 * The status of a stream that its peer reset with an error code
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Errors").
 */
export function statusOfReset(errorCode: number): number {
  switch (errorCode) {
    case REFUSED_STREAM:
      return STATUS_NUMBERS.UNAVAILABLE;
    case CANCEL:
      return STATUS_NUMBERS.CANCELLED;
    case ENHANCE_YOUR_CALM:
      return STATUS_NUMBERS.RESOURCE_EXHAUSTED;
    case INADEQUATE_SECURITY:
      return STATUS_NUMBERS.PERMISSION_DENIED;
    default:
      return STATUS_NUMBERS.INTERNAL;
  }
}
