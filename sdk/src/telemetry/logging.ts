/**
 * Logs as JSON lines through pino. A line written while a call is being served carries the call's trace_id and span_id
 * by itself, wherever in the handler's work it is written.
 */
import { type DestinationStream, type LevelWithSilent, levels, pino, stdTimeFunctions, symbols } from "pino";
import { currentContext } from "../call/call-context.ts";
import type { Logger } from "../call/logger.ts";
import { MeshError } from "../call/mesh-error.ts";

export interface LoggerOptions {
  /** Written into every line. */
  readonly service: string;
  /** Id of this instance, written into every line. */
  readonly instance: string;
  /** "trace" to "fatal", or "silent". Default: MESH_LOG_LEVEL, else "info". */
  readonly level?: string;
  /** Takes the lines. Default: standard output. */
  readonly destination?: DestinationStream;
}

const DEFAULT_LEVEL = "info";
const LEVELS = [...Object.values(levels.labels), "silent"];

/** Throws INVALID_ARGUMENT for a level that is none. */
export function createLogger(options: LoggerOptions): Logger {
  const pinoOptions = {
    level: validLevel(options.level),
    base: { service: options.service, instance: options.instance },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    mixin: traceFields,
  };
  return options.destination === undefined ? pino(pinoOptions) : pino(pinoOptions, options.destination);
}

function validLevel(given: string | undefined): LevelWithSilent {
  const configured = process.env["MESH_LOG_LEVEL"] ?? "";
  const level = given ?? (configured === "" ? DEFAULT_LEVEL : configured);
  if (!LEVELS.includes(level)) {
    const source = given === undefined ? "MESH_LOG_LEVEL" : "log level";
    throw new MeshError(
      "INVALID_ARGUMENT",
      `${source} ${JSON.stringify(level)} is none: use one of ${LEVELS.join(", ")}`,
    );
  }
  return level as LevelWithSilent;
}

/** pino keeps a child's fields as text; a child that names its trace must not name it twice. */
function traceFields(_fields: object, _level: number, logger: object): object {
  const trace = currentContext()?.trace;
  if (trace === undefined || namesTrace(logger)) return {};
  return { trace_id: trace.traceId, span_id: trace.spanId };
}

function namesTrace(logger: object): boolean {
  const bound = (logger as Record<symbol, unknown>)[symbols.chindingsSym];
  return typeof bound === "string" && bound.includes('"trace_id":');
}
