/** How a command ends: what it tells the shell, and the mistakes that are the user's. */

export const EXIT = {
  ok: 0,
  /** The call or the question failed. */
  failed: 1,
  /** The command line, the input or the environment is wrong: nothing was called. */
  usage: 2,
  /** Ended by Ctrl-C: 128 and the number of SIGINT, as shells have it. */
  interrupted: 130,
} as const;

/** Something the user wrote is wrong; the message says what and what to write instead. */
export class UsageError extends Error {
  readonly exitCode = EXIT.usage;

  override get name(): string {
    return "UsageError";
  }
}

/** What could not be done for another reason than a failed call; the message says the way out. */
export class CommandError extends Error {
  readonly exitCode = EXIT.failed;

  override get name(): string {
    return "CommandError";
  }
}
