/**
 * The status codes of gRPC (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md): names in the API, numbers on
 * the wire.
 */
export const STATUS_NUMBERS = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** Name of a gRPC status code. */
export type StatusCode = keyof typeof STATUS_NUMBERS;

/** Name of a status that is a failure. */
export type ErrorCode = Exclude<StatusCode, "OK">;

const NAMES = Object.keys(STATUS_NUMBERS) as StatusCode[];

/** The name of a number from the wire; a number that gRPC does not know is UNKNOWN, as the gRPC documentation asks. */
export function statusName(status: number): StatusCode {
  return NAMES[status] ?? "UNKNOWN";
}

/** Whether a text names a status code. */
export function isStatusCode(text: string): text is StatusCode {
  return Object.hasOwn(STATUS_NUMBERS, text);
}
