/** Whether something can listen on this machine's IPv6 loopback: containers often have none. */
import { once } from "node:events";
import { createServer } from "node:net";

export async function hasIPv6(): Promise<boolean> {
  const server = createServer().listen(0, "::1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
