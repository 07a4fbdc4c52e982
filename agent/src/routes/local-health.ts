/** `/v1/agent/health`: the state of this agent's own services, as a status code that a load balancer can poll. */
import { type AgentState, json } from "../agent-state.ts";
import { type Reply, RequestError } from "../http/reply.ts";
import type { Call, Route } from "../http/router.ts";
import { agentServiceJson, localHealthCheckJson } from "../json/shapes.ts";
import { worst } from "../state/catalog.ts";
import type { CheckContent, Service } from "../state/service.ts";

type Aggregated = "passing" | "warning" | "critical" | "maintenance";

const statusCodes: Readonly<Record<Aggregated, number>> = {
  passing: 200,
  warning: 429,
  critical: 503,
  maintenance: 503,
};
const byGravity: readonly Aggregated[] = ["maintenance", "critical", "warning", "passing"];

export function localHealthRoutes({ registry, node }: AgentState): Route[] {
  /** A node's own checks are also its services'. */
  const checksOf = ({ id }: Service): CheckContent[] =>
    registry.checks().filter(({ serviceId }) => serviceId === id || serviceId === "");
  const aggregated = (service: Service): Aggregated => {
    const checks = checksOf(service);
    return checks.some(({ type }) => type === "maintenance")
      ? "maintenance"
      : worst(checks.map(({ status }) => status));
  };
  const shape = (service: Service): object => ({
    AggregatedStatus: aggregated(service),
    Service: agentServiceJson(service),
    Checks: checksOf(service).map((check) => localHealthCheckJson(node, check)),
  });
  /** Consul calls one of its two texts JSON. */
  const missing = (call: Call, reason: string, textType: string, value: unknown): Reply => {
    const headers = { "X-Consul-Reason": reason };
    if (call.query.get("format") !== "text") return json(call, value, headers, 404);
    return { status: 404, headers: { ...headers, "Content-Type": textType }, body: reason };
  };
  const answer = (call: Call, aggregate: Aggregated, value: unknown): Reply => {
    const headers = { "X-Consul-Reason": aggregate };
    const status = statusCodes[aggregate];
    if (call.query.get("format") !== "text") return json(call, value, headers, status);
    return { status, headers: { ...headers, "Content-Type": "text/plain" }, body: aggregate };
  };

  return [
    {
      path: "/v1/agent/health/service/id/",
      methods: {
        GET: (call) => {
          if (call.rest === "") throw new RequestError(500, "Bad request: Missing serviceID");
          const service = registry.service(call.rest);
          if (service === undefined) {
            const nothing = { AggregatedStatus: "critical", Service: null, Checks: null };
            return missing(call, `ServiceId ${call.rest} not found`, "application/json", nothing);
          }
          return answer(call, aggregated(service), shape(service));
        },
      },
    },
    {
      path: "/v1/agent/health/service/name/",
      methods: {
        GET: (call) => {
          if (call.rest === "") throw new RequestError(500, "Bad request: Missing service Name");
          const services = registry.services().filter(({ name }) => name === call.rest);
          if (services.length === 0) {
            return missing(call, `ServiceName ${call.rest} Not Found`, "text/plain", []);
          }
          const found = new Set(services.map(aggregated));
          const aggregate = byGravity.find((status) => found.has(status)) ?? "passing";
          return answer(call, aggregate, services.map(shape));
        },
      },
    },
  ];
}
