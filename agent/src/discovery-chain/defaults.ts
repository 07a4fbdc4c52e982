/** What holds where no config entry says otherwise. */
import type { Route, ServiceResolver } from "../config-entries/config-entry.ts";
import { defaultNamespace } from "./chain.ts";

/** What Consul waits for a connection when nobody says. */
export const defaultConnectTimeoutNs = 5_000_000_000n;

/** The last route of every router. */
export function catchAll(service: string): Route {
  const http = { pathExact: "", pathPrefix: "/", pathRegex: "", header: [], queryParam: [], methods: [] };
  const destination = {
    service,
    serviceSubset: "",
    namespace: defaultNamespace,
    prefixRewrite: "",
    requestTimeoutNs: 0n,
    numRetries: 0,
    retryOnConnectFailure: false,
    retryOnStatusCodes: [],
  };
  return { match: { http }, destination };
}

/** Of a service without a resolver: all of its instances, here. */
export function defaultResolver(name: string): ServiceResolver {
  const nothing = {
    subsets: new Map<never, never>(),
    failover: new Map<never, never>(),
    meta: new Map<never, never>(),
  };
  return {
    kind: "service-resolver",
    name,
    ...nothing,
    defaultSubset: "",
    redirect: undefined,
    connectTimeoutNs: 0n,
  };
}

/** Whether a resolver says nothing, as if it were not there. */
export function isDefault({ defaultSubset, subsets, redirect, failover, connectTimeoutNs }: ServiceResolver): boolean {
  return (
    defaultSubset === "" &&
    subsets.size === 0 &&
    redirect === undefined &&
    failover.size === 0 &&
    connectTimeoutNs === 0n
  );
}
