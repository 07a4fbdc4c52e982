/**
 * Every metric we write: its name, what it means, its labels. Names are those of gRFC A66 (calls), A96 (retries) and
 * A94 (subchannels) in Prometheus's spelling: dots become underscores, the unit is a suffix, counters end in _total.
 * What gRPC has no name for begins with mesh_.
 */

export type MetricType = "counter" | "gauge" | "histogram";

/** Of what a value is a number. */
export type MetricUnit =
  | "seconds"
  | "bytes"
  | "calls"
  | "attempts"
  | "connections"
  | "endpoints"
  | "failures"
  | "series"
  | "stalls"
  | "state";

export interface MetricDescription<Labels extends readonly string[] = readonly string[]> {
  readonly name: string;
  readonly type: MetricType;
  readonly unit: MetricUnit;
  readonly help: string;
  /** In the order in which their values are given. */
  readonly labels: Labels;
  /** How the values of several processes become one. */
  readonly aggregator: "sum" | "max";
}

/** "greeter.v1.GreeterService/SayHello", without a leading slash; OTHER for a method no contract names (A66). */
export const GRPC_METHOD = "grpc_method";
/** The logical target, "consul:///greeter": never an address. */
export const GRPC_TARGET = "grpc_target";
/** Name of the status: "UNAVAILABLE". */
export const GRPC_STATUS = "grpc_status";
/** Why a connection ended (A94). */
export const GRPC_DISCONNECT_ERROR = "grpc_disconnect_error";
/** Not "service" and "instance": scraping systems put labels of these names on everything. */
export const MESH_SERVICE = "mesh_service";
export const MESH_INSTANCE = "mesh_instance";

/** What stands for a method that no contract names, and for label values beyond the bound on series. */
export const OTHER = "other";

/** Labels with a closed set of values: they stay what they are when a family is full. */
export const CLOSED_LABELS: ReadonlySet<string> = new Set([
  GRPC_STATUS,
  "freshness",
  "kind",
  "state",
  "metric",
  "reason",
]);

const METHOD_TARGET = [GRPC_METHOD, GRPC_TARGET] as const;
const METHOD_TARGET_STATUS = [GRPC_METHOD, GRPC_TARGET, GRPC_STATUS] as const;
const METHOD_STATUS = [GRPC_METHOD, GRPC_STATUS] as const;

function metric<const Labels extends readonly string[]>(
  type: MetricType,
  name: string,
  unit: MetricUnit,
  labels: Labels,
  help: string,
  aggregator: "sum" | "max" = "sum",
): MetricDescription<Labels> {
  return { name, type, unit, help, labels, aggregator };
}

export const METRICS = {
  clientAttemptStarted: metric(
    "counter",
    "grpc_client_attempt_started_total",
    "attempts",
    METHOD_TARGET,
    "Attempts of calls that were started, ended or not.",
  ),
  clientAttemptDuration: metric(
    "histogram",
    "grpc_client_attempt_duration_seconds",
    "seconds",
    METHOD_TARGET_STATUS,
    "Time from sending an attempt to its end.",
  ),
  clientAttemptSent: metric(
    "histogram",
    "grpc_client_attempt_sent_total_compressed_message_size_bytes",
    "bytes",
    METHOD_TARGET_STATUS,
    "Bytes of request messages sent in one attempt, as they went over the wire, without framing.",
  ),
  clientAttemptReceived: metric(
    "histogram",
    "grpc_client_attempt_rcvd_total_compressed_message_size_bytes",
    "bytes",
    METHOD_TARGET_STATUS,
    "Bytes of response messages received in one attempt, as they went over the wire, without framing.",
  ),
  clientCallDuration: metric(
    "histogram",
    "grpc_client_call_duration_seconds",
    "seconds",
    METHOD_TARGET_STATUS,
    "Time from the application's call to its end, with all attempts and serialisation.",
  ),
  clientCallRetries: metric(
    "histogram",
    "grpc_client_call_retries",
    "attempts",
    METHOD_TARGET,
    "Retries of one call, transparent ones aside; calls without any are not counted.",
  ),
  clientCallTransparentRetries: metric(
    "histogram",
    "grpc_client_call_transparent_retries",
    "attempts",
    METHOD_TARGET,
    "Transparent retries of one call; calls without any are not counted.",
  ),
  clientCallHedges: metric(
    "histogram",
    "grpc_client_call_hedges",
    "attempts",
    METHOD_TARGET,
    "Hedges of one call; calls without any are not counted.",
  ),
  clientCallRetryDelay: metric(
    "histogram",
    "grpc_client_call_retry_delay_seconds",
    "seconds",
    METHOD_TARGET,
    "Time of one call during which no attempt was open; calls of one attempt are not counted.",
  ),
  serverCallStarted: metric(
    "counter",
    "grpc_server_call_started_total",
    "calls",
    [GRPC_METHOD],
    "Calls that arrived, ended or not.",
  ),
  serverCallDuration: metric(
    "histogram",
    "grpc_server_call_duration_seconds",
    "seconds",
    METHOD_STATUS,
    "Time from a call's headers to its status.",
  ),
  serverCallSent: metric(
    "histogram",
    "grpc_server_call_sent_total_compressed_message_size_bytes",
    "bytes",
    METHOD_STATUS,
    "Bytes of response messages sent in one call, as they went over the wire, without framing.",
  ),
  serverCallReceived: metric(
    "histogram",
    "grpc_server_call_rcvd_total_compressed_message_size_bytes",
    "bytes",
    METHOD_STATUS,
    "Bytes of request messages received in one call, as they went over the wire, without framing.",
  ),
  subchannelDisconnections: metric(
    "counter",
    "grpc_subchannel_disconnections_total",
    "connections",
    [GRPC_TARGET, GRPC_DISCONNECT_ERROR],
    "Connections to endpoints that ended.",
  ),
  subchannelAttemptsSucceeded: metric(
    "counter",
    "grpc_subchannel_connection_attempts_succeeded_total",
    "attempts",
    [GRPC_TARGET],
    "Attempts to connect to an endpoint that succeeded.",
  ),
  subchannelAttemptsFailed: metric(
    "counter",
    "grpc_subchannel_connection_attempts_failed_total",
    "attempts",
    [GRPC_TARGET],
    "Attempts to connect to an endpoint that failed.",
  ),
  subchannelOpenConnections: metric(
    "gauge",
    "grpc_subchannel_open_connections",
    "connections",
    [GRPC_TARGET],
    "Connections to endpoints that are open.",
  ),
  clientAttemptsInFlight: metric(
    "gauge",
    "mesh_client_attempts_in_flight",
    "attempts",
    METHOD_TARGET,
    "Attempts that were started and have not ended.",
  ),
  serverCallsInFlight: metric(
    "gauge",
    "mesh_server_calls_in_flight",
    "calls",
    [GRPC_METHOD],
    "Calls that arrived and have not ended.",
  ),
  ejections: metric(
    "counter",
    "mesh_balancing_ejections_total",
    "endpoints",
    [GRPC_TARGET, "reason"],
    "Times that an endpoint was taken out for doing worse than its peers, or kept out after a failed trial.",
  ),
  ejectedEndpoints: metric(
    "gauge",
    "mesh_balancing_ejected_endpoints",
    "endpoints",
    [GRPC_TARGET],
    "Endpoints that are out and get no calls but trials, unless there is panic.",
  ),
  discoveryEndpoints: metric(
    "gauge",
    "mesh_discovery_endpoints",
    "endpoints",
    [MESH_SERVICE, "freshness"],
    "Endpoints known of a service: live, or the last known while its directory cannot be asked.",
    "max",
  ),
  discoveryStaleness: metric(
    "gauge",
    "mesh_discovery_staleness_seconds",
    "seconds",
    [MESH_SERVICE],
    "Time for which the directory could not be asked about a service; 0 while it can.",
    "max",
  ),
  discoveryUpdates: metric(
    "counter",
    "mesh_discovery_updates_total",
    "state",
    [MESH_SERVICE],
    "Views of a service that its directory gave.",
  ),
  discoveryErrors: metric(
    "counter",
    "mesh_discovery_errors_total",
    "state",
    [MESH_SERVICE],
    "Views of a service that came with an error.",
  ),
  discoveryAge: metric(
    "gauge",
    "mesh_discovery_age_seconds",
    "seconds",
    [MESH_SERVICE],
    "Time since the registry last confirmed what is known of a service; up to a minute and a bit while all is well.",
    "max",
  ),
  discoveryView: metric(
    "gauge",
    "mesh_discovery_view",
    "state",
    [MESH_SERVICE, "state"],
    "1 for what the view of a service is: live, stale, or stale and from disk because the registry has never answered.",
    "max",
  ),
  discoveryFailures: metric(
    "counter",
    "mesh_discovery_failures_total",
    "failures",
    [MESH_SERVICE, "kind"],
    "Times the registry could not be asked about a service, by what was wrong.",
  ),
  registrationState: metric(
    "gauge",
    "mesh_registration_state",
    "state",
    [MESH_SERVICE, MESH_INSTANCE, "state"],
    "1 for the state in which the registration of an instance is, 0 for the others.",
    "max",
  ),
  registrationStalls: metric(
    "counter",
    "mesh_registration_stalls_total",
    "stalls",
    [MESH_SERVICE, MESH_INSTANCE],
    "Heartbeats of an instance that came late because the event loop was blocked.",
  ),
  held: metric(
    "gauge",
    "mesh_coordination_held",
    "state",
    ["kind", "name"],
    "Locks, leaderships and semaphore slots that this process holds.",
  ),
  heldLost: metric(
    "counter",
    "mesh_coordination_losses_total",
    "failures",
    ["kind", "name"],
    "Times that one was lost before it was given up.",
  ),
  settingsAge: metric(
    "gauge",
    "mesh_settings_age_seconds",
    "seconds",
    ["prefix"],
    "Time since Consul last confirmed the settings in use, or since they were asked for; up to a minute and a bit while all is well.",
    "max",
  ),
  settingsFaults: metric(
    "gauge",
    "mesh_settings_faults",
    "failures",
    ["prefix"],
    "Settings whose stored value cannot be used, so that the last good one is.",
    "max",
  ),
  eventLoopActive: metric(
    "counter",
    "mesh_event_loop_active_seconds_total",
    "seconds",
    [],
    "Time the event loop was busy; its rate is the loop's utilisation, 0 to 1.",
  ),
  eventLoopIdle: metric(
    "counter",
    "mesh_event_loop_idle_seconds_total",
    "seconds",
    [],
    "Time the event loop waited for events.",
  ),
  series: metric("gauge", "mesh_metrics_series", "series", [], "Label series held by the metrics of the mesh."),
  droppedSeries: metric(
    "counter",
    "mesh_metrics_dropped_series_total",
    "series",
    ["metric"],
    "Label series that were counted under other because their metric held its bound of them.",
  ),
  failedCollections: metric(
    "counter",
    "mesh_metrics_failed_collections_total",
    "state",
    ["metric"],
    "Times a metric was left out of the exposition because reading it failed.",
  ),
} as const;

/** The latency bounds of A66, in seconds. */
export const A66_LATENCY_BOUNDS: readonly number[] = [
  0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.013,
  0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10,
  20, 50, 100,
];

/** What we write by default: 13 of A66's, since 41 times methods times statuses is a load for who scrapes. */
export const LATENCY_BOUNDS: readonly number[] = [
  0.0003, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 10,
];

/** A66's size bounds up to 64 MiB, above which no message passes a sane limit; all are powers of two. */
export const SIZE_BOUNDS: readonly number[] = [
  0, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
];

/** A96's bounds for counts of retries, transparent retries and hedges. */
export const RETRY_BOUNDS: readonly number[] = [1, 2, 3, 4, 5];
export const TRANSPARENT_RETRY_BOUNDS: readonly number[] = [1, 2, 3, 4, 5, 10];
