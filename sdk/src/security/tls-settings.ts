/** Keys and certificates as they are given: read and tried once, so that a wrong one is named before anything connects. */
import { readFileSync } from "node:fs";
import { MeshError } from "../call/mesh-error.ts";
import { checkTlsParts, type PartNames, unusable } from "../transport/check-tls.ts";
import type { TlsOptions } from "../transport/transport.ts";

const OPTION_NAMES: PartNames = { ca: "tls.ca", cert: "tls.cert", key: "tls.key" };
const VARIABLES = { ca: "MESH_TLS_CA", cert: "MESH_TLS_CERT", key: "MESH_TLS_KEY" } as const;

/** Throws INVALID_ARGUMENT for what cannot be used: half a pair, what is no PEM, a key of another certificate. */
export function checkTls(tls: TlsOptions, names: PartNames = OPTION_NAMES): void {
  checkTlsParts(tls, names);
  if (tls.requireClientCertificate !== true || tls.ca !== undefined) return;
  throw invalid(`tls.requireClientCertificate says nothing without ${names.ca}: give the CA that signs for callers`);
}

/** Throws INVALID_ARGUMENT when there is nothing that a server could show its callers. */
export function checkServerTls(tls: TlsOptions | undefined): void {
  if (tls === undefined || tls.cert !== undefined) return;
  throw invalid(
    "server has no certificate to show: give tls.cert and tls.key, or MESH_TLS_CERT and MESH_TLS_KEY; tls.ca alone is for processes that only call",
  );
}

/** What the variables name, each a file of PEM; undefined when none is set. Throws INVALID_ARGUMENT. */
export function tlsFromEnv(env: NodeJS.ProcessEnv): TlsOptions | undefined {
  const tls: { ca?: Buffer; cert?: Buffer; key?: Buffer } = {};
  const names = { ...VARIABLES } as { -readonly [part in keyof PartNames]: string };
  for (const part of ["ca", "cert", "key"] as const) {
    const variable = VARIABLES[part];
    const path = env[variable];
    if (path === undefined || path === "") continue;
    tls[part] = readPem(variable, path);
    names[part] = `${variable} (${path})`;
  }
  if (Object.keys(tls).length === 0) return undefined;
  checkTls(tls, names);
  return tls;
}

function readPem(variable: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw unusable(`${variable} is ${JSON.stringify(path)}, which cannot be read`, error, "name a file of PEM");
  }
}

function invalid(reason: string): MeshError {
  return new MeshError("INVALID_ARGUMENT", reason);
}
