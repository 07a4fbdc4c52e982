/**
 * What only this machine may read. A socket on loopback is not enough: a web page can make a browser resolve the page's
 * own name to 127.0.0.1 (DNS rebinding) and read the answers as its own. Such requests still name the page's host.
 */
import { isIPv4, isIPv6 } from "node:net";

/** Whether an IP address, IPv6 without brackets, is one of this machine's loopback addresses. */
export function isLoopbackAddress(address: string): boolean {
  if (isIPv4(address)) return address.startsWith("127.");
  if (!isIPv6(address)) return false;
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  return mapped === undefined ? /^[0:]*:0{0,3}1$/.test(address) : isLoopbackAddress(mapped);
}

/** Host, or IPv6 in brackets, and perhaps a port (RFC 9110, section 7.2). */
const HOST = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/;

/** Whether a Host header names loopback or localhost (RFC 6761, 6.3). HTTP/1.0 may have none; no browser speaks it. */
export function namesLoopback(hostHeader: string | undefined): boolean {
  if (hostHeader === undefined) return true;
  const match = HOST.exec(hostHeader.trim());
  const host = (match?.[1] ?? match?.[2] ?? "").toLowerCase().replace(/\.$/, "");
  return host === "localhost" || host.endsWith(".localhost") || isLoopbackAddress(host);
}
