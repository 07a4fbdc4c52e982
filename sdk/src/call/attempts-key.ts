/** The metadata key that tells a server how often a call was sent before (gRFC A6). */
export const PREVIOUS_ATTEMPTS_KEY = "grpc-previous-rpc-attempts";
