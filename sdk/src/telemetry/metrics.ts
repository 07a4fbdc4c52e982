/**
 * The metrics of a mesh. prom-client is the registry and knows the formats; recording is on our own cells, since an
 * observation in prom-client costs fifty times as much or more (test/bench/metrics.bench.ts).
 */
import { type Metric, Registry } from "prom-client";
import { type Clock, systemClock } from "../call/clock.ts";
import { MeshError } from "../call/mesh-error.ts";
import type { ClientObserver, ServerObserver } from "../call/observer.ts";
import type { CoordinationObserver } from "../coordination/coordination-observer.ts";
import type { DirectoryObserver } from "../discovery/directory-observer.ts";
import { boundedShape } from "./bounded-cells.ts";
import { clientMetrics, serverMetrics } from "./call-metrics.ts";
import type { Cells, HistogramShape } from "./cells.ts";
import { coordinationInstruments } from "./coordination-instruments.ts";
import { directoryInstruments } from "./directory-instruments.ts";
import { CellGrid, exponentialShape } from "./exponential-cells.ts";
import { type Exposition, negotiate, writeExposition } from "./exposition.ts";
import { type Family, histogramFamily, type NumberCell, numberFamily, type SeriesLimit } from "./family.ts";
import {
  type ConnectionInstruments,
  connectionInstruments,
  type DiscoveryInstruments,
  discoveryInstruments,
  type EjectionInstruments,
  ejectionInstruments,
  type RegistrationInstruments,
  registrationInstruments,
} from "./instruments.ts";
import {
  A66_LATENCY_BOUNDS,
  LATENCY_BOUNDS,
  type MetricDescription,
  METRICS,
  RETRY_BOUNDS,
  SIZE_BOUNDS,
  TRANSPARENT_RETRY_BOUNDS,
} from "./metric-names.ts";
import { addProcessMetrics, followEventLoop } from "./process-metrics.ts";

export interface MetricsOptions {
  /** Where the metrics are registered beside the user's own. Default: a new one. */
  readonly registry?: Registry;
  readonly clock?: Clock;
  /**
   * Bounds of the latency histograms, in seconds. "default": 13, folded from cells that are 9 % wide, so a count is off
   * by less than the one cell its bound cuts; "a66": the 41 of gRFC A66, or your own, counted exactly.
   */
  readonly latencyBounds?: "default" | "a66" | readonly number[];
  /** Whether the sizes of messages are recorded: two more histograms for each method and status. Default "on". */
  readonly messageSizes?: "on" | "off";
  /** Whether prom-client's metrics of the process (memory, garbage collection, event loop) join. Default "on". */
  readonly processMetrics?: "on" | "off";
  /** Label series that one metric holds before new ones are counted under "other". Default 1,000. */
  readonly maxSeries?: number;
}

export interface Metrics {
  readonly registry: Registry;
  readonly clientObserver: ClientObserver;
  readonly serverObserver: ServerObserver;
  /** target is the logical one, "consul:///greeter". */
  readonly connections: (target: string) => ConnectionInstruments;
  readonly ejections: (target: string) => EjectionInstruments;
  readonly discovery: (service: string) => DiscoveryInstruments;
  /** Of the directory that asks a registry. */
  readonly directory: DirectoryObserver;
  readonly registration: (service: string, instance: string) => RegistrationInstruments;
  readonly coordination: CoordinationObserver;
  /**
   * Everything in the registry, in the format that an Accept header asks for: OpenMetrics when it prefers it, else
   * Prometheus text. Calls at the same time share one answer.
   */
  expose(accept?: string): Promise<Exposition>;
}

/** 1,000 series of a latency histogram hold 2 MB of cells. */
const DEFAULT_MAX_SERIES = 1000;

/** Seconds: 1 microsecond to 17 minutes, 8 cells to a doubling: 4.4 % off at most. */
const LATENCY_GRID = new CellGrid(3, -20, 10);

/** Bytes: 1 to 4 GiB by powers of two, on which all bounds of A66 lie. */
const SIZE_GRID = new CellGrid(0, 0, 32);

/** For families with a series to each metric of the registry: their number is bounded by itself. */
const UNLIMITED: SeriesLimit = { maxSeries: Infinity, onDropped: () => {} };

/** Throws INVALID_ARGUMENT for bounds or numbers out of range, FAILED_PRECONDITION for a registry that is taken. */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const { registry = new Registry(), clock = systemClock, maxSeries = DEFAULT_MAX_SERIES } = options;
  if (!Number.isInteger(maxSeries) || maxSeries < 1) {
    throw new MeshError("INVALID_ARGUMENT", `maxSeries ${maxSeries} must be a whole number from 1`);
  }
  const latency = latencyShape(options.latencyBounds ?? "default");
  const size = exponentialShape(SIZE_GRID, SIZE_BOUNDS);
  const families: Family[] = [];
  const limit: SeriesLimit = { maxSeries, onDropped: (family) => void dropped.cells(family).value++ };
  const number = (description: MetricDescription, within = limit): Family<NumberCell> => {
    const family = numberFamily(description, within);
    families.push(family);
    return family;
  };
  const histogram = (description: MetricDescription, shape: HistogramShape): Family<Cells> => {
    const family = histogramFamily(description, shape, limit);
    families.push(family);
    return family;
  };
  const sizes = (description: MetricDescription): Family<Cells> | undefined =>
    options.messageSizes === "off" ? undefined : histogram(description, size);
  const retries = boundedShape(RETRY_BOUNDS);

  const dropped = number(METRICS.droppedSeries, UNLIMITED);
  const failed = number(METRICS.failedCollections, UNLIMITED);
  const series = number(METRICS.series);
  const seriesCell = series.cells();
  series.refresh = () => {
    seriesCell.value = families.reduce((total, family) => total + family.size, 0);
  };
  followEventLoop(number(METRICS.eventLoopActive), number(METRICS.eventLoopIdle));

  const clientObserver = clientMetrics({
    attemptStarted: number(METRICS.clientAttemptStarted),
    attemptsInFlight: number(METRICS.clientAttemptsInFlight),
    attemptDuration: histogram(METRICS.clientAttemptDuration, latency),
    attemptSent: sizes(METRICS.clientAttemptSent),
    attemptReceived: sizes(METRICS.clientAttemptReceived),
    callDuration: histogram(METRICS.clientCallDuration, latency),
    retries: histogram(METRICS.clientCallRetries, retries),
    transparentRetries: histogram(METRICS.clientCallTransparentRetries, boundedShape(TRANSPARENT_RETRY_BOUNDS)),
    hedges: histogram(METRICS.clientCallHedges, retries),
    retryDelay: histogram(METRICS.clientCallRetryDelay, latency),
  });
  const serverObserver = serverMetrics({
    callStarted: number(METRICS.serverCallStarted),
    callsInFlight: number(METRICS.serverCallsInFlight),
    callDuration: histogram(METRICS.serverCallDuration, latency),
    callSent: sizes(METRICS.serverCallSent),
    callReceived: sizes(METRICS.serverCallReceived),
  });
  const connections = connectionInstruments({
    open: number(METRICS.subchannelOpenConnections),
    succeeded: number(METRICS.subchannelAttemptsSucceeded),
    failed: number(METRICS.subchannelAttemptsFailed),
    disconnections: number(METRICS.subchannelDisconnections),
  });
  const ejections = ejectionInstruments(number(METRICS.ejections), number(METRICS.ejectedEndpoints));
  const discovery = discoveryInstruments(
    {
      endpoints: number(METRICS.discoveryEndpoints),
      staleness: number(METRICS.discoveryStaleness),
      updates: number(METRICS.discoveryUpdates),
      errors: number(METRICS.discoveryErrors),
    },
    clock,
  );
  const directory = directoryInstruments(
    {
      age: number(METRICS.discoveryAge),
      failures: number(METRICS.discoveryFailures),
      state: number(METRICS.discoveryView),
    },
    clock,
  );
  const registration = registrationInstruments(number(METRICS.registrationState), number(METRICS.registrationStalls));
  const coordination = coordinationInstruments(
    {
      held: number(METRICS.held),
      lost: number(METRICS.heldLost),
      age: number(METRICS.settingsAge),
      faults: number(METRICS.settingsFaults),
    },
    clock,
  );
  for (const family of families) register(registry, family);
  if (options.processMetrics !== "off") addProcessMetrics(registry);

  /** Expositions that are being written, by format. */
  const writing = new Map<string, Promise<Exposition>>();
  const expose = (accept?: string): Promise<Exposition> => {
    const contentType = negotiate(accept);
    const running = writing.get(contentType);
    if (running !== undefined) return running;
    const onFailed = (metric: string): void => void failed.cells(metric).value++;
    const begun = writeExposition(contentType, { registry, clock, probe: series, onFailed });
    const written = begun.finally(() => writing.delete(contentType));
    writing.set(contentType, written);
    return written;
  };
  return {
    registry,
    clientObserver,
    serverObserver,
    connections,
    ejections,
    discovery,
    directory,
    registration,
    coordination,
    expose,
  };
}

function latencyShape(bounds: "default" | "a66" | readonly number[]): HistogramShape {
  if (bounds === "default") return exponentialShape(LATENCY_GRID, LATENCY_BOUNDS);
  return boundedShape(bounds === "a66" ? A66_LATENCY_BOUNDS : bounds);
}

/** prom-client takes whatever answers as its own metrics do, which its types do not say. */
function register(registry: Registry, family: Family): void {
  try {
    registry.registerMetric(family as unknown as Metric);
  } catch (cause) {
    throw new MeshError(
      "FAILED_PRECONDITION",
      `registry already holds a metric named ${family.name}: give each mesh of a process a registry of its own, or rename yours`,
      { cause },
    );
  }
}
