/** Why a server cannot listen, and what to do; the words of the system's error are what every transport hands on. */
import { dirname } from "node:path";
import { type Address, formatAddress, isUnixPath } from "../call/address.ts";
import { MeshError } from "../call/mesh-error.ts";
import type { ErrorCode } from "../call/status.ts";

export function listenError(address: Address, error: Error): MeshError {
  const [code, why] = isUnixPath(address.host) ? ofPath(address.host, error.message) : ofPort(error.message);
  return new MeshError(code, `server cannot listen on ${formatAddress(address)}: ${why}`, { cause: error });
}

function ofPort(message: string): readonly [ErrorCode, string] {
  if (message.includes("EADDRINUSE")) {
    return [
      "UNAVAILABLE",
      "the port is in use; end the process that has it, choose another port (MESH_PORT, or server({ port })), or 0 for any free one",
    ];
  }
  if (message.includes("EACCES")) {
    return ["PERMISSION_DENIED", "the port is reserved; choose one above 1023, or 0 for any free one"];
  }
  return ["UNAVAILABLE", `${message}; choose an address of this machine, 127.0.0.1 or 0.0.0.0`];
}

function ofPath(path: string, message: string): readonly [ErrorCode, string] {
  if (message.includes("EADDRINUSE")) {
    return [
      "UNAVAILABLE",
      `the file exists; end the process that listens there, or remove the file (rm ${path}) when one that was killed has left it behind`,
    ];
  }
  if (message.includes("EACCES")) {
    // libuv says so of a directory that is not there too.
    return [
      "PERMISSION_DENIED",
      `${dirname(path)} does not exist, or this process may not write in it; make it, or choose another path`,
    ];
  }
  return ["UNAVAILABLE", `${message}; choose another path`];
}
