/**
 * Targets: how a program names the service it calls. The scheme picks the directory, the rest is its business. The form
 * is gRPC's name syntax (https://github.com/grpc/grpc/blob/master/doc/naming.md) with an empty authority.
 */
import { isIPv6 } from "node:net";
import { type Address, checkUnixPath, isUnixPath, parseAddress } from "../call/address.ts";
import { MeshError } from "../call/mesh-error.ts";

export const SCHEMES = ["consul", "static", "dns", "unix"] as const;

/** Which directory answers a target. */
export type Scheme = (typeof SCHEMES)[number];

export interface Target {
  readonly scheme: Scheme;
  /** What the directory is asked for: "greeter" of consul:///greeter, "127.0.0.1:50051" of static:///127.0.0.1:50051, "run/a.sock" of unix:///run/a.sock. */
  readonly name: string;
}

const WITH_AUTHORITY = /^([a-z][a-z0-9+.-]*):\/\/([^/]*)\/(.*)$/is;
const HOST_AND_PORT = /^[^/]*:\d+$/;
const EXAMPLES =
  "consul:///greeter, static:///127.0.0.1:50051, dns:///greeter.internal:50051 or unix:///run/greeter.sock";

/**
 * Letters, digits, dot, dash and underscore, starting with a letter or digit: what every registry and DNS-like tool
 * around it takes. Longer than 128 is no name a person gave.
 */
const SERVICE_NAME = /^[a-z0-9][a-z0-9._-]{0,127}$/i;

/**
 * Reads a target; a bare name means consul:///name. The name is checked too, so whoever configures a wrong one learns it
 * at once. Throws INVALID_ARGUMENT that says what is wrong and what to write.
 */
export function parseTarget(text: string): Target {
  const match = WITH_AUTHORITY.exec(text);
  if (match === null) return { scheme: "consul", name: bareName(text) };
  const [, scheme = "", authority = "", name = ""] = match;
  if (!isScheme(scheme)) {
    throw invalid(text, `has the scheme ${JSON.stringify(scheme)}, which no directory answers: write ${EXAMPLES}`);
  }
  if (authority !== "") throw invalid(text, aboutAuthority(scheme, authority, name));
  checkName(scheme, name, text);
  return { scheme, name };
}

/** The name of a service in a registry. Throws INVALID_ARGUMENT; place is what the text stands in. */
export function checkServiceName(name: string, place = `service name ${JSON.stringify(name)}`): string {
  if (SERVICE_NAME.test(name)) return name;
  throw new MeshError(
    "INVALID_ARGUMENT",
    `${place} does not name a service (1 to 128 letters, digits, ".", "-" and "_", a letter or digit first): ` +
      `write for example greeter or consul:///greeter`,
  );
}

/** "host:port,host:port" of static:///…, in the order given, each address once. Throws INVALID_ARGUMENT. */
export function parseAddressList(list: string): readonly Address[] {
  const addresses = new Map<string, Address>();
  for (const entry of list.split(",")) addresses.set(entry.trim(), parseReachable(entry.trim()));
  return [...addresses.values()];
}

/** "host:port" that something can be reached at: 0 is a port to listen on, never one to connect to. */
export function parseReachable(text: string): Address {
  const address = parseAddress(text);
  if (isUnixPath(address.host)) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `address ${JSON.stringify(text)} is a Unix socket: write unix://${address.host}`,
    );
  }
  if (address.port === 0) {
    throw new MeshError("INVALID_ARGUMENT", `address ${JSON.stringify(text)} has port 0: name the port it listens on`);
  }
  if (text.startsWith("[") && !isIPv6(address.host)) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `address ${JSON.stringify(text)} has brackets around something that is no IPv6 address: write for example [::1]:50051`,
    );
  }
  return address;
}

/** The one address of unix:///path, whose name lacks the first slash. Throws INVALID_ARGUMENT. */
export function unixAddress(name: string): Address {
  return { host: checkUnixPath(`/${name}`), port: 0 };
}

function checkName(scheme: Scheme, name: string, text: string): void {
  switch (scheme) {
    case "consul":
      checkServiceName(name, `target ${JSON.stringify(text)}`);
      return;
    case "static":
      wrap(text, () => parseAddressList(name));
      return;
    case "dns":
      wrap(text, () => parseReachable(name));
      return;
    case "unix":
      wrap(text, () => unixAddress(name));
      return;
  }
}

/** Says which target an address stands in. */
function wrap(text: string, read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (error instanceof MeshError) throw invalid(text, `cannot be used: ${error.reason}`);
    throw error;
  }
}

function bareName(text: string): string {
  if (HOST_AND_PORT.test(text)) {
    throw invalid(
      text,
      `is an address and not a name: write static:///${text}, or dns:///${text} to follow its DNS name`,
    );
  }
  const scheme = /^([a-z]+):/i.exec(text)?.[1];
  if (scheme !== undefined) {
    throw invalid(text, `needs three slashes behind its scheme: write ${EXAMPLES}`);
  }
  return checkServiceName(text, `target ${JSON.stringify(text)}`);
}

function aboutAuthority(scheme: Scheme, authority: string, name: string): string {
  const where = scheme === "consul" ? "; the address of Consul is set by CONSUL_HTTP_ADDR" : "";
  const whole = scheme === "unix" && name !== "" ? `${authority}/${name}` : name;
  const instead = whole === "" ? authority : whole;
  return `has ${JSON.stringify(authority)} between its second and third slash, where nothing belongs${where}: write ${scheme}:///${instead}`;
}

function isScheme(text: string): text is Scheme {
  return (SCHEMES as readonly string[]).includes(text);
}

function invalid(text: string, why: string): MeshError {
  return new MeshError("INVALID_ARGUMENT", `target ${JSON.stringify(text)} ${why}`);
}
