/**
 * The ACL token in a file that somebody else writes, such as an agent of Vault: read again while the process runs, so that
 * a token can be replaced before it expires. Reading it is asked for by the requests that need it, so there is no timer
 * and no watcher of files, which links of mounted secrets would mislead.
 */
import { readFile } from "node:fs/promises";
import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { MeshError } from "../call/mesh-error.ts";
import { isToken } from "./consul-options.ts";

export interface TokenFileOptions {
  readonly path: string;
  /** What it held when it was read before. */
  readonly first?: string | undefined;
  readonly clock: Clock;
  /** Told once when the file cannot be used, once when it can again, and of every new token; never the token. */
  readonly log?: Logger | undefined;
  readonly read?: (path: string) => Promise<string>;
}

/** A second of an old token is harmless, for Consul's own caches keep it for longer; reading a file for every request is not. */
export const READ_EVERY_MS = 1_000;

/** A file that hangs, as those of networks do, must not hold up what an older token can do. */
const READ_WITHIN_MS = 100;

export class TokenFile {
  readonly #options: TokenFileOptions;
  #token: string | undefined;
  #readAt = -Infinity;
  #reading: Promise<void> | undefined;
  /** Whether the reading under way hangs. */
  #overdue = false;
  #trouble: MeshError | undefined;

  constructor(options: TokenFileOptions) {
    this.#options = options;
    this.#token = options.first;
  }

  /** The token to send now: the file's, or the last that it held. Rejects with FAILED_PRECONDITION while there was none. */
  async current(): Promise<string> {
    if (this.#options.clock.now() - this.#readAt >= READ_EVERY_MS) {
      const reading = this.#refresh();
      await (this.#token === undefined ? reading : this.#briefly(reading));
    }
    if (this.#token !== undefined) return this.#token;
    throw this.#trouble ?? this.#unusable("has not been read");
  }

  /** After a refusal of a token: another that the file holds by now; undefined when it does not. */
  async replacement(refused: string): Promise<string | undefined> {
    await this.#refresh();
    return this.#token === refused ? undefined : this.#token;
  }

  #refresh(): Promise<void> {
    this.#reading ??= this.#readNow().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** Resolves after the reading, or when it has taken too long. */
  #briefly(reading: Promise<void>): Promise<void> {
    if (this.#overdue) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#options.clock.setBackgroundTimer(() => {
        this.#overdue = true;
        this.#failed(`is not read within ${READ_WITHIN_MS} ms`);
        resolve();
      }, READ_WITHIN_MS);
      void reading.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Never rejects. */
  async #readNow(): Promise<void> {
    const { path, clock, read = (file) => readFile(file, "utf8") } = this.#options;
    try {
      const text = (await read(path)).trim();
      if (text === "") this.#failed("is empty");
      else if (isToken(text)) this.#take(text);
      else this.#failed("holds more than a token, which is of visible ASCII characters");
    } catch (error) {
      this.#failed(`cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`, error);
    }
    this.#readAt = clock.now();
    this.#overdue = false;
  }

  #take(token: string): void {
    const { log, path } = this.#options;
    if (this.#trouble !== undefined) log?.info({ path }, "token file of consul can be used again");
    this.#trouble = undefined;
    if (token === this.#token) return;
    if (this.#token !== undefined) log?.info({ path }, "token file of consul holds a new token: using it");
    this.#token = token;
  }

  #failed(how: string, cause?: unknown): void {
    const { log, path } = this.#options;
    const first = this.#trouble === undefined;
    this.#trouble = this.#unusable(how, cause);
    if (!first) return;
    const meanwhile = this.#token === undefined ? "no request can be sent" : "the last token stays in use";
    log?.warn({ path, err: this.#trouble }, `token file of consul cannot be used: ${meanwhile}`);
  }

  #unusable(how: string, cause?: unknown): MeshError {
    const { path } = this.#options;
    return new MeshError(
      "FAILED_PRECONDITION",
      `token file of consul ${JSON.stringify(path)} ${how}: write the token alone into it, or give another as CONSUL_HTTP_TOKEN_FILE`,
      { cause },
    );
  }
}
