/**
 * TLS to Consul: whom to trust and who we are, from options or from the variables that every Consul tool reads
 * (https://developer.hashicorp.com/consul/commands#environment-variables). Consul asks for a certificate where its
 * verify_incoming is set.
 *
 * Files are read once, as Consul's own tools read them: new certificates are for a new process.
 */
import { isIP } from "node:net";
import { checkServerIdentity, type ConnectionOptions } from "node:tls";
import { z } from "zod";
import { checkTlsParts, type PartNames } from "../transport/check-tls.ts";
import type { TlsWayOuts } from "../transport/tls-failure.ts";
import { type Environment, type Files, flag, namedFile, namedFolder, variable } from "./consul-variables.ts";

/** Keys and certificates are PEM itself, not paths. */
export interface ConsulTls {
  /** Whom to trust. Default: the roots that Node trusts. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Our certificate chain, for a Consul that verifies who comes. */
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  /** The name that Consul's certificate must have. Default: the host of the url, "localhost" over a Unix socket. */
  readonly serverName?: string | undefined;
  /** false takes any certificate: whoever is on the way can read and change everything. Default true. */
  readonly verify?: boolean | undefined;
}

const pem = z.union([z.string().min(1), z.instanceof(Buffer)], "expected PEM, as a string or a Buffer");

/** The form of ConsulTls, for programs without types. */
export const consulTlsForm = z.strictObject({
  ca: z.union([pem, z.array(pem)], "expected PEM, as a string, a Buffer or an array of them").optional(),
  cert: pem.optional(),
  key: pem.optional(),
  serverName: z.string().min(1).optional(),
  verify: z.boolean().optional(),
});

const OPTION_NAMES: PartNames = { ca: "consul.tls.ca", cert: "consul.tls.cert", key: "consul.tls.key" };

/** Throws INVALID_ARGUMENT for what cannot be used. */
export function checkConsulTls(tls: ConsulTls): void {
  checkTlsParts(given(tls), OPTION_NAMES);
}

/**
 * Reads CONSUL_CACERT, or else every file in the folder CONSUL_CAPATH, CONSUL_CLIENT_CERT, CONSUL_CLIENT_KEY,
 * CONSUL_TLS_SERVER_NAME and CONSUL_HTTP_SSL_VERIFY; undefined when none is set. Throws INVALID_ARGUMENT.
 */
export function consulTlsFromEnv(env: Environment, files: Files): ConsulTls | undefined {
  const names = { ...VARIABLES } as { -readonly [part in keyof PartNames]: string };
  const read = (part: keyof PartNames, name: string): string | undefined => {
    const path = variable(env, name);
    if (path === undefined) return undefined;
    names[part] = `${name} (${path})`;
    return namedFile(name, path, files, "PEM");
  };
  const serverName = variable(env, "CONSUL_TLS_SERVER_NAME");
  const verify = flag(env, "CONSUL_HTTP_SSL_VERIFY");
  const tls = given({
    ca: read("ca", VARIABLES.ca) ?? readFolder(env, files),
    cert: read("cert", VARIABLES.cert),
    key: read("key", VARIABLES.key),
    serverName,
    verify,
  });
  checkTlsParts(tls, names);
  return Object.keys(tls).length === 0 ? undefined : tls;
}

const VARIABLES = { ca: "CONSUL_CACERT", cert: "CONSUL_CLIENT_CERT", key: "CONSUL_CLIENT_KEY" } as const;
const CA_FOLDER = "CONSUL_CAPATH";

function readFolder(env: Environment, files: Files): readonly string[] | undefined {
  const folder = variable(env, CA_FOLDER);
  if (folder === undefined) return undefined;
  return namedFolder(CA_FOLDER, folder, files).map((path) => {
    const ca = namedFile(CA_FOLDER, path, files, "CA's certificate");
    checkTlsParts({ ca }, { ...OPTION_NAMES, ca: `${CA_FOLDER} (${path})` });
    return ca;
  });
}

/** What is not given must not be there: Node tells an undefined key from none. */
function given(tls: ConsulTls): { -readonly [key in keyof ConsulTls]?: NonNullable<ConsulTls[key]> } {
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
}

/** For an agent of node:https. */
export function connectionOptions(tls: ConsulTls): ConnectionOptions {
  const { serverName, verify, ca, ...pair } = given(tls);
  return {
    ...pair,
    ...(ca === undefined ? {} : { ca: typeof ca === "string" || Buffer.isBuffer(ca) ? ca : [...ca] }),
    ...(verify === undefined ? {} : { rejectUnauthorized: verify }),
    ...(serverName === undefined ? {} : named(serverName)),
  };
}

/** A name is sent to the server; addresses may not be (RFC 6066, section 3), but are checked all the same. */
function named(serverName: string): ConnectionOptions {
  if (isIP(serverName) === 0) return { servername: serverName };
  return { servername: "", checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate) };
}

/** What to do about a handshake that fails, when we have a certificate and when we have none. */
export function tlsWayOuts({ cert }: ConsulTls): TlsWayOuts {
  return cert === undefined ? WITHOUT_CERTIFICATE : WAY_OUTS;
}

const WAY_OUTS: TlsWayOuts = {
  untrusted: "give the CA that signed it as CONSUL_CACERT, or consul.tls.ca",
  "other name": "give one that it has as CONSUL_TLS_SERVER_NAME, or consul.tls.serverName",
  "not valid now": "renew it, or set the clock of this machine",
  "certificate wanted": "give CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY, or consul.tls.cert and key",
  distrusted:
    "give one as CONSUL_CLIENT_CERT, or consul.tls.cert, that a CA of its ca_file has signed and that is valid",
  "no tls": "write http:// in CONSUL_HTTP_ADDR, or name the port of Consul's ports.https",
};

/** Go's server calls a certificate that is missing a bad one. */
const WITHOUT_CERTIFICATE: TlsWayOuts = {
  ...WAY_OUTS,
  distrusted: "it was shown none: give CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY, or consul.tls.cert and key",
};
