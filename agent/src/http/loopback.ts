/**
 * Only this machine is served: the socket listens on loopback, and a request must also say so in its Host header. A web
 * page elsewhere can make a browser resolve its own name to 127.0.0.1 (DNS rebinding); its requests arrive on loopback,
 * but name the page's host. Or it sends a POST to 127.0.0.1 itself, which browsers do without asking first
 * (https://fetch.spec.whatwg.org/#cors-safelisted-method); its Origin header names the page.
 */
import { isIPv4, isIPv6 } from "node:net";

/** Whether a host name or IP address means this machine and nothing else. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  if (isIPv4(name)) return name.startsWith("127.");
  return isIPv6(name) && (/^[0:]*:0*1$/.test(name) || name.startsWith("::ffff:127."));
}

/** Whether a Host header names this machine. HTTP/1.0 has none, and no browser speaks that. */
export function isLoopbackHostHeader(header: string | undefined): boolean {
  if (header === undefined) return true;
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(header.trim()) ?? [];
  return isLoopback(bracketed ?? plain ?? "");
}

/** Whether an Origin header names this machine. Only browsers send one; "null" is a page that does not say where it is from. */
export function isLoopbackOrigin(header: string | undefined): boolean {
  if (header === undefined) return true;
  return URL.canParse(header) && isLoopbackHostHeader(new URL(header).host);
}
