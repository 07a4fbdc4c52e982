/**
 * What Consul 1.8 has and this agent does not have yet. Saying so beats an empty 404, which clients read as "an older
 * Consul" or "no such key".
 */
import { text } from "../http/reply.ts";
import type { Handler, Route } from "../http/router.ts";

const families = [
  "/v1/agent/host",
  "/v1/agent/metrics",
  "/v1/agent/monitor",
  "/v1/agent/reload",
  "/v1/coordinate/",
  "/v1/event/",
  "/v1/operator/",
  "/v1/query",
  "/v1/query/",
  "/v1/snapshot",
] as const;

export function unsupportedRoutes(): Route[] {
  return families.map((path): Route => {
    const refuse: Handler = ({ rest }) => {
      const message = `${path}${rest} is not supported by the meshwork agent yet: run against a real Consul for it`;
      return text(501, message);
    };
    return { path, methods: { GET: refuse, PUT: refuse, DELETE: refuse } };
  });
}
