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
export type { ConnectionOptions } from "./client/connection-options.ts";
export type { OutlierOptions } from "./balancing/outliers.ts";
export type { EndpointState } from "./balancing/endpoint-state.ts";
export type { Endpoint } from "./balancing/endpoint.ts";
export { leastRequest, type LeastRequestOptions } from "./balancing/least-request.ts";
export type { LoadReport } from "./balancing/load-report.ts";
export { maglev, type MaglevOptions } from "./balancing/maglev.ts";
export type { PickPolicyName } from "./balancing/pick-policies.ts";
export type { PickContext, PickPolicy, PickPolicyFactory, PolicyEnvironment } from "./balancing/pick-policy.ts";
export { prequal, type PrequalOptions } from "./balancing/prequal.ts";
export { ringHash, type RingHashOptions } from "./balancing/ring-hash.ts";
export type { SlowStartOptions } from "./balancing/slow-start.ts";
export type { SubsetOptions } from "./balancing/subset.ts";
export { weightedRoundRobin, type WeightedRoundRobinOptions } from "./balancing/weighted-round-robin.ts";
export type { ZonePreferenceOptions } from "./balancing/zone-preference.ts";
export type { LoadReportOptions } from "./server/load-reporter.ts";
export type { ClientExplanation, EjectionExplanation, EndpointExplanation } from "./client/explanation.ts";
export type { ClientCall, ClientInterceptor, ClientNext } from "./client/interceptor.ts";
export { consulOptionsFromEnv, type ConsulOptions } from "./consul/consul-options.ts";
export type { ConsulTls } from "./consul/consul-tls.ts";
export type { LockOptions, SemaphoreOptions } from "./coordination/coordination.ts";
export type { Campaign, Election, Leader, Leadership } from "./coordination/election.ts";
export type { Held } from "./coordination/hold.ts";
export type { HeldLock, Lock } from "./coordination/lock.ts";
export type { HeldSlot, Semaphore } from "./coordination/semaphore.ts";
export type { Setting, SettingShape } from "./coordination/setting.ts";
export type { Settings, SettingsChanges, SettingsListener, SettingsState } from "./coordination/settings.ts";
export type { WaitBounds } from "./coordination/standing.ts";
export type { HoldTerms } from "./coordination/terms.ts";
export type { DiscoveryOptions } from "./discovery-options.ts";
export type { Registered, Registration, ServiceInstance, UpkeepEvent } from "./discovery/registration.ts";
export { createMesh, type Mesh } from "./mesh.ts";
export type { ClientOptions, MeshChannelOptions, MeshOptions, ServerOptions } from "./mesh-options.ts";
export type { AddServiceOptions } from "./server/grpc-js-service.ts";
export type { HandledCall, ServerInterceptor, ServerNext } from "./server/interceptor.ts";
export type { MeshServer } from "./server/mesh-server.ts";
export { grpcJsTransport } from "./transport/grpc-js/grpc-js-transport.ts";
export type { Http2Limits } from "./transport/http2/limits.ts";
export type { NativeTransportOptions } from "./transport/native/native-options.ts";
export { nativeTransport } from "./transport/native/native-transport.ts";
export type { MessageEncoding, TlsOptions, Transport } from "./transport/transport.ts";
export type { TransportName } from "./transport-choice.ts";
export {
  type Contract,
  type DynamicClient,
  type DynamicHandlers,
  type DynamicMessage,
  type DynamicResponse,
  loadContract,
  type LoadContractOptions,
} from "./load-contract.ts";
