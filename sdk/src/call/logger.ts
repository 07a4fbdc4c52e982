/** Logs of the mesh are pino's: structured lines, an object of fields first, then the sentence. */
import type { Logger as PinoLogger } from "pino";

export type Logger = Pick<
  PinoLogger,
  "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "child" | "isLevelEnabled"
>;
