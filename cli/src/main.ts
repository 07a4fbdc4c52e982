/** The process of mesh: signals, broken pipes, exit code. */
import { run } from "./run.ts";
import { processTerminal } from "./terminal.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

const interrupt = new AbortController();
// Once each: whoever asks a second time is not made to wait for an orderly end.
for (const signal of SIGNALS) process.once(signal, () => interrupt.abort());

// Who reads us may leave when it has enough (mesh ls | head -1): that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

process.exitCode = await run({
  words: process.argv.slice(2),
  terminal: processTerminal(),
  signal: interrupt.signal,
});
