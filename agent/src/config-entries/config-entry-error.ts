/** Refusals of config entries, and the way Consul words several at once. */

/** A config entry that Consul does not take. */
export class ConfigEntryError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ConfigEntryError";
  }
}

export function severalErrors(faults: readonly string[]): string {
  const count = faults.length === 1 ? "1 error" : `${faults.length} errors`;
  return `${count} occurred:\n${faults.map((fault) => `\t* ${fault}\n`).join("")}\n`;
}
