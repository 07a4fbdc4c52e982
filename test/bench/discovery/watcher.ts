/**
 * A client process that follows services: `watcher.ts <url> <services> <instances>`. Says when all are known, then of every
 * view how many endpoints it has and when it came, and what the process uses whenever it is asked.
 */
import { systemClock } from "../../../sdk/src/call/clock.ts";
import { consulDirectory } from "../../../sdk/src/consul/consul-directory.ts";
import { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import { usage } from "./usage.ts";

export interface Seen {
  readonly service: number;
  readonly endpoints: number;
  /** Milliseconds since 1970, with fractions. */
  readonly at: number;
}

const [, , url = "", services = "", instances = ""] = process.argv;
const http = new ConsulHttp({ url }, systemClock);
const directory = consulDirectory(http, { clock: systemClock });
const complete = new Set<number>();

for (let service = 0; service < Number(services); service++) {
  directory.watch(`service-${service}`, ({ endpoints, freshness }) => {
    const at = performance.timeOrigin + performance.now();
    const wasComplete = complete.size === Number(services);
    if (freshness === "live" && endpoints.length === Number(instances)) complete.add(service);
    if (wasComplete) process.send?.({ service, endpoints: endpoints.length, at } satisfies Seen);
    else if (complete.size === Number(services)) process.send?.("live");
  });
}

process.on("message", () => process.send?.(usage()));
process.on("disconnect", () => {
  directory.close();
  http.close();
});
