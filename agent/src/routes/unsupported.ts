/**
 * What Consul 1.8 has and this agent does not have yet. Saying so beats an empty 404, which clients read as "an older
 * Consul" or "no such key".
 */
import { text } from "../http/reply.ts";
import type { Handler, Route } from "../http/router.ts";

const families = [
  "/v1/acl/",
  "/v1/agent/check/register",
  "/v1/agent/check/deregister/",
  "/v1/agent/connect/",
  "/v1/agent/maintenance",
  "/v1/catalog/connect/",
  "/v1/catalog/deregister",
  "/v1/catalog/node/",
  "/v1/catalog/register",
  "/v1/config",
  "/v1/config/",
  "/v1/connect/",
  "/v1/coordinate/",
  "/v1/discovery-chain/",
  "/v1/event/",
  "/v1/health/connect/",
  "/v1/health/node/",
  "/v1/operator/",
  "/v1/query",
  "/v1/query/",
  "/v1/session/",
  "/v1/snapshot",
  "/v1/txn",
] as const;

export function unsupportedRoutes(): Route[] {
  return families.map((path) => {
    const refuse: Handler = ({ rest }) => {
      const message = `${path}${rest} is not supported by the meshwork agent yet: run against a real Consul for it`;
      return text(501, message);
    };
    return { path, methods: { GET: refuse, PUT: refuse, DELETE: refuse } };
  });
}
