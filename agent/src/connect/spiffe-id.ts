/**
 * The identity of a service in its certificate, as Connect writes it:
 * `spiffe://<trust domain>/ns/<namespace>/dc/<datacenter>/svc/<service>`.
 * https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md
 */
import { decodePath } from "../http/router.ts";
import { defaultNamespace, type ServiceName } from "./intention.ts";

/** What Consul takes a URI for; "other" has another meaning in a mesh, such as the authority or an agent. */
export type ConnectUri = { readonly kind: "service"; readonly service: ServiceName } | { readonly kind: "other" };

const uri = /^spiffe:\/\/([^/?#]*)([^?#]*)/i;
const servicePath = /^\/ns\/([^/]+)\/dc\/([^/]+)\/svc\/([^/]+)$/;
const agentPath = /^\/agent\/client\/dc\/([^/]+)\/id\/([^/]+)$/;

/** `undefined` for what has no meaning. The trust domain is not looked at, as in Consul. */
export function parseConnectUri(written: string): ConnectUri | undefined {
  const [, host = "", path = ""] = uri.exec(written) ?? [];
  const [, namespace, , name] = servicePath.exec(path)?.map(decodePath) ?? [];
  if (namespace !== undefined && name !== undefined) return { kind: "service", service: { namespace, name } };
  const isAuthority = path === "" && host.indexOf(".") > 0;
  return isAuthority || agentPath.test(path) ? { kind: "other" } : undefined;
}

/** The URI of a service in the default namespace, written as Go writes paths. */
export function serviceUri(trustDomain: string, datacenter: string, service: string): string {
  return `spiffe://${trustDomain}/ns/${defaultNamespace}/dc/${escapePath(datacenter)}/svc/${escapePath(service)}`;
}

/** Go leaves `$&+,:;=@` alone in a path and escapes `!'()*`; JavaScript does it the other way round. */
function escapePath(text: string): string {
  const escaped = encodeURIComponent(text).replaceAll(/%(?:24|26|2B|2C|3A|3B|3D|40)/g, decodeURIComponent);
  return escaped.replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
