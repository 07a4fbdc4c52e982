/** The face of the SDK. */
export {
  BadRequest,
  DebugInfo,
  ErrorInfo,
  Help,
  LocalizedMessage,
  PreconditionFailure,
  QuotaFailure,
  RequestInfo,
  ResourceInfo,
  RetryInfo,
} from "./gen/google/rpc/error_details.ts";
export type { Address } from "./call/address.ts";
export { type CallContext, currentContext, runInContext } from "./call/call-context.ts";
export { type ErrorDetail, errorDetail } from "./call/error-details.ts";
export type { Logger } from "./call/logger.ts";
export { MeshError } from "./call/mesh-error.ts";
export { Metadata, type MetadataInit, type MetadataValue } from "./call/metadata.ts";
export { type ErrorCode, type StatusCode, STATUS_NUMBERS } from "./call/status.ts";
export type { CallOptions } from "./client/call-options.ts";
export * from "./contract/index.ts";
