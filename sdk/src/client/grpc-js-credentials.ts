/** What the call credentials of a grpc-js client add to a call's metadata. */
import type { CallCredentials, Metadata as GrpcMetadata } from "@grpc/grpc-js";
import { MeshError } from "../call/mesh-error.ts";
import type { MethodInfo } from "../call/method-info.ts";
import { type ErrorCode, statusName } from "../call/status.ts";

/** Whether credentials of a single call may be sent: over plaintext everybody on the way can read and use them. */
export type CredentialsRule = "send" | "refuse";

/** Codes that speak of the call's own request: from whoever makes its credentials they would mislead (gRFC A54). */
const NOT_OF_THE_CALL: ReadonlySet<ErrorCode> = new Set([
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "DATA_LOSS",
] as const);

/** Never rejects: a failure to make them is the call's failure. */
export async function generateMetadata(
  credentials: CallCredentials,
  method: MethodInfo,
  target: string,
): Promise<GrpcMetadata | MeshError> {
  const host = target.slice(target.lastIndexOf("/") + 1);
  try {
    return await credentials.generateMetadata({
      method_name: method.path,
      service_url: `https://${host}/${method.service}`,
    });
  } catch (error) {
    const { code: number, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
    const name = typeof number === "number" ? statusName(number) : "UNKNOWN";
    const known = name === "OK" ? "UNKNOWN" : name;
    const code = NOT_OF_THE_CALL.has(known) ? "INTERNAL" : known;
    return new MeshError(code, `call credentials could not be made: ${String(message ?? error)}`, { cause: error });
  }
}
