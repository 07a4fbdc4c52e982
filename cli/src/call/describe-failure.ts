/** A failed call as people read it: what, where, how often, and the details that servers give in the model of google.rpc. */
import { fromBinary, type Registry, toJsonString } from "@bufbuild/protobuf";
import type { ErrorDetail, MeshError } from "@meshwork/sdk";
import type { Colors } from "../terminal.ts";
import { BUILTIN_TYPES } from "../contract/builtin-types.ts";
import { indent } from "../table.ts";

export function describeFailure(error: MeshError, colors: Colors, types: Registry = BUILTIN_TYPES): string {
  const lines: [string, string][] = [];
  const { call } = error;
  if (call !== undefined) {
    lines.push(["method", call.method]);
    if (call.endpoint !== undefined) lines.push(["endpoint", call.endpoint]);
    lines.push(["attempts", `${call.attempts} in ${Math.round(call.elapsedMs)} ms`]);
  }
  for (const detail of error.details) lines.push(["detail", describeDetail(detail, types)]);
  const body = lines.map(([name, text]) => `${colors.dim(name.padEnd("attempts".length))}  ${text}`).join("\n");
  const head = `${colors.red(`error: ${error.code}`)}: ${error.reason}`;
  return body === "" ? head : `${head}\n${indent(body)}`;
}

/** Its type and its JSON; of a type that nobody knows, the bytes. */
export function describeDetail({ typeName, value }: ErrorDetail, types: Registry): string {
  const desc = BUILTIN_TYPES.getMessage(typeName) ?? types.getMessage(typeName);
  if (desc !== undefined) {
    try {
      return `${typeName} ${toJsonString(desc, fromBinary(desc, value), { registry: types })}`;
    } catch {
      // Bytes that are not what they claim are shown as they are.
    }
  }
  return `${typeName} (${value.byteLength} bytes, base64) ${Buffer.from(value).toString("base64")}`;
}
