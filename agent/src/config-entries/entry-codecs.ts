/** The JSON of config entries as Consul 1.8 reads and writes it, field by field. */
import { anything, duration, flag, float32, integer, text, textOf, uint32 } from "../json/loose-scalars.ts";
import { type Codec, type Field, list, mapOf, nullable, optional, struct } from "../json/loose-codec.ts";
import type {
  ConfigEntry,
  ConfigEntryKind,
  EntryOfKind,
  Expose,
  ExposedPath,
  Failover,
  HeaderMatch,
  HttpMatch,
  MeshGateway,
  QueryParamMatch,
  Redirect,
  Route,
  RouteDestination,
  RouteMatch,
  ServiceResolver,
  Split,
  Subset,
} from "./config-entry.ts";

/** What an entry is apart from its kind, which picks the codec. */
type Content<K extends ConfigEntryKind> = Omit<EntryOfKind<K>, "kind">;

const name: Field<string> = { name: "Name", codec: text, shown: "always" };
const meta: Field<ReadonlyMap<string, string>> = { name: "Meta", codec: mapOf(text) };
const service: Field<string> = { name: "Service", codec: text };
const serviceSubset: Field<string> = { name: "ServiceSubset", codec: text, alias: "service_subset" };
const namespace: Field<string> = { name: "Namespace", codec: text };

/** Consul reads these at the top of every entry; the kind is known by then, and indexes are the registry's own. */
const readPast = ["Kind", "RaftIndex"];

export const meshGatewayCodec = struct<MeshGateway>({
  mode: { name: "Mode", codec: textOf("structs.MeshGatewayMode") },
});
const meshGateway: Field<MeshGateway> = { name: "MeshGateway", codec: meshGatewayCodec, alias: "mesh_gateway" };

const exposedPath = struct<ExposedPath>({
  listenerPort: { name: "ListenerPort", codec: integer, alias: "listener_port" },
  path: { name: "Path", codec: text },
  localPathPort: { name: "LocalPathPort", codec: integer, alias: "local_path_port" },
  protocol: { name: "Protocol", codec: text },
  parsedFromCheck: { name: "ParsedFromCheck", codec: flag, shown: "always" },
});
const expose: Field<Expose> = {
  name: "Expose",
  codec: struct<Expose>({
    checks: { name: "Checks", codec: flag },
    paths: { name: "Paths", codec: list(exposedPath) },
  }),
};

const headerMatch = struct<HeaderMatch>({
  name,
  present: { name: "Present", codec: flag },
  exact: { name: "Exact", codec: text },
  prefix: { name: "Prefix", codec: text },
  suffix: { name: "Suffix", codec: text },
  regex: { name: "Regex", codec: text },
  invert: { name: "Invert", codec: flag },
});

const queryParamMatch = struct<QueryParamMatch>({
  name,
  present: { name: "Present", codec: flag },
  exact: { name: "Exact", codec: text },
  regex: { name: "Regex", codec: text },
});

const httpMatch = struct<HttpMatch>({
  pathExact: { name: "PathExact", codec: text, alias: "path_exact" },
  pathPrefix: { name: "PathPrefix", codec: text, alias: "path_prefix" },
  pathRegex: { name: "PathRegex", codec: text, alias: "path_regex" },
  header: { name: "Header", codec: list(headerMatch) },
  queryParam: { name: "QueryParam", codec: list(queryParamMatch), alias: "query_param" },
  methods: { name: "Methods", codec: list(text) },
});

const routeDestination = struct<RouteDestination>({
  service,
  serviceSubset,
  namespace,
  prefixRewrite: { name: "PrefixRewrite", codec: text, alias: "prefix_rewrite" },
  requestTimeoutNs: { name: "RequestTimeout", codec: duration, alias: "request_timeout" },
  numRetries: { name: "NumRetries", codec: uint32, alias: "num_retries" },
  retryOnConnectFailure: { name: "RetryOnConnectFailure", codec: flag, alias: "retry_on_connect_failure" },
  retryOnStatusCodes: { name: "RetryOnStatusCodes", codec: list(uint32), alias: "retry_on_status_codes" },
});

export const routeCodec: Codec<Route> = struct<Route>({
  match: {
    name: "Match",
    codec: optional(struct<RouteMatch>({ http: { name: "HTTP", codec: optional(httpMatch) } })),
  },
  destination: { name: "Destination", codec: optional(routeDestination) },
});

const split = struct<Split>({
  weight: { name: "Weight", codec: float32, shown: "always" },
  service,
  serviceSubset,
  namespace,
});

export const subsetCodec: Codec<Subset> = struct<Subset>({
  filter: { name: "Filter", codec: text },
  onlyPassing: { name: "OnlyPassing", codec: flag, alias: "only_passing" },
});

const redirect = struct<Redirect>({
  service,
  serviceSubset,
  namespace,
  datacenter: { name: "Datacenter", codec: text },
});

const failover = struct<Failover>({
  service,
  serviceSubset,
  namespace,
  datacenters: { name: "Datacenters", codec: list(text) },
});

const entryCodecs: { readonly [K in ConfigEntryKind]: Codec<Content<K>> } = {
  "proxy-defaults": struct<Content<"proxy-defaults">>(
    {
      name,
      config: { name: "Config", codec: nullable(mapOf(anything)), shown: "always" },
      meshGateway,
      expose,
      meta,
    },
    readPast,
  ),
  "service-defaults": struct<Content<"service-defaults">>(
    {
      name,
      protocol: { name: "Protocol", codec: text, shown: "always" },
      meshGateway,
      expose,
      externalSni: { name: "ExternalSNI", codec: text, alias: "external_sni" },
      meta,
    },
    readPast,
  ),
  "service-router": struct<Content<"service-router">>(
    { name, routes: { name: "Routes", codec: nullable(list(routeCodec)), shown: "always" }, meta },
    readPast,
  ),
  "service-splitter": struct<Content<"service-splitter">>(
    { name, splits: { name: "Splits", codec: list(split), shown: "always" }, meta },
    readPast,
  ),
  "service-resolver": struct<Omit<ServiceResolver, "kind">>(
    {
      name,
      defaultSubset: { name: "DefaultSubset", codec: text, alias: "default_subset" },
      subsets: { name: "Subsets", codec: mapOf(subsetCodec) },
      redirect: { name: "Redirect", codec: optional(redirect) },
      failover: { name: "Failover", codec: mapOf(failover) },
      connectTimeoutNs: { name: "ConnectTimeout", codec: duration, alias: "connect_timeout" },
      meta,
    },
    readPast,
  ),
};

/** Reads and writes all of an entry but its kind. */
export function entryCodec(kind: ConfigEntryKind): Codec<Omit<ConfigEntry, "kind">> {
  return entryCodecs[kind];
}

export function isConfigEntryKind(written: string): written is ConfigEntryKind {
  return Object.hasOwn(entryCodecs, written);
}
