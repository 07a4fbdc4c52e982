/** gRPC's interop cases that need neither credentials nor a proxy, in the order of their document. */
import {
  cancelAfterBegin,
  cancelAfterFirstResponse,
  clientCompressedStreaming,
  clientCompressedUnary,
  clientStreaming,
  customMetadata,
  emptyStream,
  emptyUnary,
  type InteropClient,
  largeUnary,
  pingPong,
  serverCompressedStreaming,
  serverCompressedUnary,
  serverStreaming,
  specialStatusMessage,
  statusCodeAndMessage,
  timeoutOnSleepingServer,
  unimplementedMethod,
  unimplementedService,
} from "./interop-client.ts";

export const INTEROP_CASES = {
  empty_unary: emptyUnary,
  large_unary: largeUnary,
  client_compressed_unary: clientCompressedUnary,
  server_compressed_unary: serverCompressedUnary,
  client_streaming: clientStreaming,
  client_compressed_streaming: clientCompressedStreaming,
  server_streaming: serverStreaming,
  server_compressed_streaming: serverCompressedStreaming,
  ping_pong: pingPong,
  empty_stream: emptyStream,
  custom_metadata: customMetadata,
  status_code_and_message: statusCodeAndMessage,
  special_status_message: specialStatusMessage,
  unimplemented_method: unimplementedMethod,
  unimplemented_service: unimplementedService,
  cancel_after_begin: cancelAfterBegin,
  cancel_after_first_response: cancelAfterFirstResponse,
  timeout_on_sleeping_server: timeoutOnSleepingServer,
} as const satisfies Record<string, (client: InteropClient) => Promise<void>>;

export type InteropCaseName = keyof typeof INTEROP_CASES;

export const INTEROP_CASE_NAMES = Object.keys(INTEROP_CASES) as InteropCaseName[];
