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
export {
  type AmbientContext,
  type CallContext,
  currentContext,
  runDetached,
  runInContext,
} from "./call/call-context.ts";
export type { CancellationToken } from "./call/cancellation.ts";
export type { Criticality } from "./call/criticality.ts";
export { type DetailType, type ErrorDetail, errorDetail } from "./call/error-details.ts";
export type { Logger } from "./call/logger.ts";
export { type FailedCall, MeshError, type MeshErrorOptions } from "./call/mesh-error.ts";
export { Metadata, type MetadataInit, type MetadataValue } from "./call/metadata.ts";
export { type ErrorCode, type StatusCode, STATUS_NUMBERS } from "./call/status.ts";
export type { TraceContext } from "./call/trace-context.ts";
export type { CallOptions } from "./client/call-options.ts";
export type {
  CallKind,
  DeepPartial,
  HedgingPolicy,
  IdempotencyLevel,
  MessageCodec,
  MethodDefinition,
  MethodInfo,
  MethodPolicy,
  PolicyOverride,
  RetryPolicy,
  Schema,
  ServiceDefinition,
} from "./contract/index.ts";
export type { PickPolicyName } from "./balancing/pick-policies.ts";
export type { ClientCall, ClientInterceptor, ClientNext } from "./client/interceptor.ts";
export { consulOptionsFromEnv, type ConsulOptions } from "./consul/consul-options.ts";
export type { Registered, Registration, ServiceInstance, UpkeepState } from "./discovery/registration.ts";
export { createMesh, type Mesh } from "./mesh.ts";
export type { ClientOptions, MeshOptions, ServerOptions } from "./mesh-options.ts";
export type { HandledCall, ServerInterceptor, ServerNext } from "./server/interceptor.ts";
export type { MeshServer } from "./server/mesh-server.ts";
export {
  type Contract,
  type DynamicClient,
  type DynamicHandlers,
  type DynamicMessage,
  type DynamicResponse,
  loadContract,
  type LoadContractOptions,
} from "./load-contract.ts";
