/**
 * Where Consul is and how to speak to it, from the environment variables that every Consul tool reads
 * (https://developer.hashicorp.com/consul/commands#environment-variables). What is set and cannot be honoured is
 * refused: silently speaking without the CA or the certificate somebody configured would be worse than not starting.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { parseAddress } from "../call/address.ts";
import { MeshError } from "../call/mesh-error.ts";

export interface ConsulOptions {
  /** Scheme, host, port and perhaps a path that a proxy wants, without "/v1": "http://127.0.0.1:8500". */
  readonly url: string;
  /** Path of a Unix socket to connect to instead of the url's host and port. */
  readonly socketPath?: string | undefined;
  /** ACL token. */
  readonly token?: string | undefined;
  /** "user:password" of HTTP basic authentication, for a proxy before Consul. */
  readonly basicAuth?: string | undefined;
  /** Enterprise only; Consul itself answers 400 to it. */
  readonly namespace?: string | undefined;
  /** Enterprise only; Consul itself answers 400 to it. */
  readonly partition?: string | undefined;
}

export const DEFAULT_CONSUL_URL = "http://127.0.0.1:8500";

/** What a header can carry; a token is one. */
const TOKEN = /^[\x21-\x7e]+$/;

/** The form of ConsulOptions, of which programs without types may give another; every one may be left out. */
export const consulOptionsForm = z.strictObject({
  url: z.string().refine(isPlace, "expected the form http://127.0.0.1:8500").optional(),
  socketPath: z.string().startsWith("/", "expected an absolute path").optional(),
  token: z.string().regex(TOKEN, "expected visible ASCII characters").optional(),
  basicAuth: z.string().regex(/:/, "expected user:password").optional(),
  namespace: z.string().min(1).optional(),
  partition: z.string().min(1).optional(),
});

type Environment = Readonly<Record<string, string | undefined>>;

/** Each would change whom we trust or who we are over TLS; none is honoured. */
const TLS_VARIABLES = [
  "CONSUL_CACERT",
  "CONSUL_CAPATH",
  "CONSUL_CLIENT_CERT",
  "CONSUL_CLIENT_KEY",
  "CONSUL_TLS_SERVER_NAME",
] as const;

/**
 * Reads CONSUL_HTTP_ADDR (default 127.0.0.1:8500), CONSUL_HTTP_SSL, CONSUL_HTTP_TOKEN, CONSUL_HTTP_TOKEN_FILE (which
 * wins over the former), CONSUL_HTTP_AUTH, CONSUL_NAMESPACE and CONSUL_PARTITION. Throws one INVALID_ARGUMENT that
 * names every problem.
 */
export function consulOptionsFromEnv(
  env: Environment,
  readFile: (path: string) => string = (path) => readFileSync(path, "utf8"),
): ConsulOptions {
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
  const token = attempt(() => readToken(env, readFile));
  const basicAuth = attempt(() => readBasicAuth(env));
  if (place?.url.startsWith("https:") === true) problems.push(...unsupportedTls(env));
  if (place === undefined || problems.length > 0) throw new MeshError("INVALID_ARGUMENT", problems.join("; "));
  return {
    ...place,
    token,
    basicAuth,
    namespace: set(env, "CONSUL_NAMESPACE"),
    partition: set(env, "CONSUL_PARTITION"),
  };
}

function readPlace(env: Environment): Pick<ConsulOptions, "url" | "socketPath"> {
  const text = set(env, "CONSUL_HTTP_ADDR");
  const secure = readFlag(env, "CONSUL_HTTP_SSL");
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

function readToken(env: Environment, readFile: (path: string) => string): string | undefined {
  const path = set(env, "CONSUL_HTTP_TOKEN_FILE");
  if (path === undefined) return checkToken("CONSUL_HTTP_TOKEN", set(env, "CONSUL_HTTP_TOKEN"));
  let text: string;
  try {
    text = readFile(path).trim();
  } catch (cause) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `CONSUL_HTTP_TOKEN_FILE ${JSON.stringify(path)} cannot be read (${(cause as NodeJS.ErrnoException).code ?? String(cause)}): name a readable file or unset it`,
      { cause },
    );
  }
  if (text === "") {
    throw invalid(`CONSUL_HTTP_TOKEN_FILE ${JSON.stringify(path)} is empty: write the token into it or unset it`);
  }
  return checkToken(`CONSUL_HTTP_TOKEN_FILE ${JSON.stringify(path)}`, text);
}

/** The token itself is told to nobody. */
function checkToken(source: string, token: string | undefined): string | undefined {
  if (token === undefined || TOKEN.test(token)) return token;
  throw invalid(`${source} holds more than a token, which is of visible ASCII characters: write the token alone`);
}

function readBasicAuth(env: Environment): string | undefined {
  const text = set(env, "CONSUL_HTTP_AUTH");
  if (text === undefined || text.includes(":")) return text;
  throw invalid("CONSUL_HTTP_AUTH has no colon: write user:password");
}

function unsupportedTls(env: Environment): string[] {
  const problems: string[] = TLS_VARIABLES.filter((name) => set(env, name) !== undefined).map(
    (name) =>
      `${name} is not supported: unset it; a private CA can be given to the whole process by NODE_EXTRA_CA_CERTS, ` +
      `a client certificate by reaching Consul through its local agent over plain HTTP or a Unix socket`,
  );
  if (readFlag(env, "CONSUL_HTTP_SSL_VERIFY") === false) {
    problems.push("CONSUL_HTTP_SSL_VERIFY=false is not supported: unset it and trust the CA by NODE_EXTRA_CA_CERTS");
  }
  return problems;
}

/** The spellings that Go's strconv.ParseBool takes, as Consul's own tools do. */
function readFlag(env: Environment, name: string): boolean | undefined {
  const text = set(env, name);
  if (text === undefined) return undefined;
  if (/^(?:1|t|true)$/i.test(text)) return true;
  if (/^(?:0|f|false)$/i.test(text)) return false;
  throw invalid(`${name} is ${JSON.stringify(text)}: write true or false`);
}

/** A variable set to nothing counts as not set, as in Consul's own tools. */
function set(env: Environment, name: string): string | undefined {
  const text = env[name]?.trim();
  return text === "" ? undefined : text;
}

function badAddress(text: string): MeshError {
  return invalid(
    `CONSUL_HTTP_ADDR ${JSON.stringify(text)} is no address: write 127.0.0.1:8500, https://consul.internal:8501 or unix:///path/to/socket`,
  );
}

function invalid(reason: string): MeshError {
  return new MeshError("INVALID_ARGUMENT", reason);
}
