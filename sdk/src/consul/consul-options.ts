/**
 * Where Consul is and how to speak to it, from the environment variables that every Consul tool reads
 * (https://developer.hashicorp.com/consul/commands#environment-variables). What is set and cannot be honoured is
 * refused: silently speaking without the CA or the certificate somebody configured would be worse than not starting.
 */
import { z } from "zod";
import { parseAddress } from "../call/address.ts";
import { MeshError } from "../call/mesh-error.ts";
import { checkConsulTls, type ConsulTls, consulTlsForm, consulTlsFromEnv } from "./consul-tls.ts";
import { diskFiles, type Environment, type Files, flag, namedFile, variable } from "./consul-variables.ts";

export interface ConsulOptions {
  /** Scheme, host, port and perhaps a path that a proxy wants, without "/v1": "http://127.0.0.1:8500". */
  readonly url: string;
  /** Path of a Unix socket to connect to instead of the url's host and port. */
  readonly socketPath?: string | undefined;
  /** ACL token. */
  readonly token?: string | undefined;
  /**
   * File that holds the ACL token, read again while the process runs; it wins over token, which is used as long as the
   * file cannot be read or is empty.
   */
  readonly tokenFile?: string | undefined;
  /** For a url of https. Default: the roots that Node trusts, and no certificate of ours. */
  readonly tls?: ConsulTls | undefined;
  /** "user:password" of HTTP basic authentication, for a proxy before Consul. */
  readonly basicAuth?: string | undefined;
  /** Enterprise only; Consul itself answers 400 to it. */
  readonly namespace?: string | undefined;
  /** Enterprise only; Consul itself answers 400 to it. */
  readonly partition?: string | undefined;
  /** Bytes of one answer; a longer one is refused before it fills the memory. 1 or more, default 64 MiB. */
  readonly maxAnswerBytes?: number | undefined;
}

export const DEFAULT_CONSUL_URL = "http://127.0.0.1:8500";

/** Ten thousand instances of one service, with metadata and checks, are some 20 MiB. */
export const DEFAULT_MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** What a header can carry; a token is one. */
const TOKEN = /^[\x21-\x7e]+$/;

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** The form of ConsulOptions, of which programs without types may give another; every one may be left out. */
export const consulOptionsForm = z.strictObject({
  url: z.string().refine(isPlace, "expected the form http://127.0.0.1:8500").optional(),
  socketPath: z.string().startsWith("/", "expected an absolute path").optional(),
  token: z.string().regex(TOKEN, "expected visible ASCII characters").optional(),
  tokenFile: z.string().min(1).optional(),
  tls: consulTlsForm.optional(),
  basicAuth: z.string().regex(/:/, "expected user:password").optional(),
  namespace: z.string().min(1).optional(),
  partition: z.string().min(1).optional(),
  maxAnswerBytes: z.int().min(1).optional(),
});

/** Throws INVALID_ARGUMENT for what cannot be used together. */
export function checkConsulOptions(options: Partial<ConsulOptions>): void {
  if (options.tls === undefined) return;
  checkConsulTls(options.tls);
  const { url = DEFAULT_CONSUL_URL } = options;
  if (!url.startsWith("https:")) {
    throw invalid(`consul.tls is given, but ${url} is spoken to in the clear: write https:// in consul.url`);
  }
}

/**
 * Reads CONSUL_HTTP_ADDR (default 127.0.0.1:8500), CONSUL_HTTP_SSL, CONSUL_HTTP_TOKEN, CONSUL_HTTP_TOKEN_FILE (which
 * wins over the former), CONSUL_HTTP_AUTH, CONSUL_NAMESPACE and CONSUL_PARTITION, and for https what consul-tls.ts reads.
 * Throws one INVALID_ARGUMENT that names every problem.
 */
export function consulOptionsFromEnv(env: Environment, files: Files = diskFiles): ConsulOptions {
  const problems: string[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      problems.push(error instanceof MeshError ? error.reason : String(error));
      return undefined;
    }
  };
  const place = attempt(() => readPlace(env));
  const tokenFile = variable(env, "CONSUL_HTTP_TOKEN_FILE");
  const token = attempt(() => readToken(env, tokenFile, files));
  const basicAuth = attempt(() => readBasicAuth(env));
  const https = place?.url.startsWith("https:") === true;
  const tls = https ? attempt(() => consulTlsFromEnv(env, files)) : undefined;
  if (place === undefined || problems.length > 0) throw new MeshError("INVALID_ARGUMENT", problems.join("; "));
  return {
    ...place,
    token,
    tokenFile,
    tls,
    basicAuth,
    namespace: variable(env, "CONSUL_NAMESPACE"),
    partition: variable(env, "CONSUL_PARTITION"),
  };
}

function readPlace(env: Environment): Pick<ConsulOptions, "url" | "socketPath"> {
  const text = variable(env, "CONSUL_HTTP_ADDR");
  const secure = flag(env, "CONSUL_HTTP_SSL");
  if (text === undefined) return { url: secure === true ? "https://127.0.0.1:8500" : DEFAULT_CONSUL_URL };
  if (text.startsWith("unix://")) return unixSocket(text, secure);
  const match = /^(https?|tcp):\/\/(.+)$/.exec(text);
  if (match === null) {
    if (text.includes("://") || text.includes("/")) throw badAddress(text);
    bareAddress(text);
    return { url: `${secure === true ? "https" : "http"}://${text}` };
  }
  const [, scheme = "", rest = ""] = match;
  const https = scheme === "https" || secure === true;
  const url = `${https ? "https" : "http"}://${rest}`;
  if (!isPlace(url)) throw badAddress(text);
  return { url: url.replace(/\/+$/, "") };
}

/** Whether a URL names a server of HTTP and perhaps a path, and nothing that requests would lose. */
function isPlace(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, search, hash, username } = new URL(url);
  return /^https?:$/.test(protocol) && search === "" && hash === "" && username === "";
}

function unixSocket(text: string, secure: boolean | undefined): Pick<ConsulOptions, "url" | "socketPath"> {
  const socketPath = text.slice("unix://".length);
  if (!socketPath.startsWith("/")) throw badAddress(text);
  return { url: secure === true ? "https://localhost" : "http://localhost", socketPath };
}

function bareAddress(text: string): void {
  try {
    if (parseAddress(text).port === 0) throw badAddress(text);
  } catch {
    throw badAddress(text);
  }
}

/** A file that cannot be used when the process starts is a mistake; later it is a passing trouble. */
function readToken(env: Environment, path: string | undefined, files: Files): string | undefined {
  if (path === undefined) return checkToken("CONSUL_HTTP_TOKEN", variable(env, "CONSUL_HTTP_TOKEN"));
  const text = namedFile("CONSUL_HTTP_TOKEN_FILE", path, files, "token");
  return checkToken(`CONSUL_HTTP_TOKEN_FILE ${JSON.stringify(path)}`, text);
}

/** The token itself is told to nobody. */
function checkToken(source: string, token: string | undefined): string | undefined {
  if (token === undefined || isToken(token)) return token;
  throw invalid(`${source} holds more than a token, which is of visible ASCII characters: write the token alone`);
}

function readBasicAuth(env: Environment): string | undefined {
  const text = variable(env, "CONSUL_HTTP_AUTH");
  if (text === undefined || text.includes(":")) return text;
  throw invalid("CONSUL_HTTP_AUTH has no colon: write user:password");
}

function badAddress(text: string): MeshError {
  return invalid(
    `CONSUL_HTTP_ADDR ${JSON.stringify(text)} is no address: write 127.0.0.1:8500, https://consul.internal:8501 or unix:///path/to/socket`,
  );
}

function invalid(reason: string): MeshError {
  return new MeshError("INVALID_ARGUMENT", reason);
}
