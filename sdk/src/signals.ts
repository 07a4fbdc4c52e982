/** Ends a process the way orchestrators ask for: on SIGTERM or SIGINT the mesh closes, then the process runs out. */
import type { Logger } from "./call/logger.ts";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
/** What else holds a process after its mesh has closed gets this long; then it is ended, and the log says so. */
const RUN_OUT_MS = 5_000;

/** A second signal ends the process at once, since the listeners are gone by then. Returns what takes them off. */
export function closeOnSignals(close: () => Promise<void>, log: Logger): () => void {
  const stop = (): void => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    stop();
    log.info({ signal }, "process is asked to end: the mesh closes");
    void leave(close, log);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return stop;
}

async function leave(close: () => Promise<void>, log: Logger): Promise<void> {
  try {
    await close();
  } catch (error) {
    log.error({ err: error }, "mesh could not be closed cleanly");
    process.exitCode = 1;
  }
  setTimeout(() => {
    log.warn(
      `process still runs ${RUN_OUT_MS} ms after its mesh has closed: it is ended; unref or close what holds it`,
    );
    process.exit();
  }, RUN_OUT_MS).unref();
}
