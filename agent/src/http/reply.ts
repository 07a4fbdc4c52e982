/** What goes back: a status, headers and a body, as Consul shapes them. */

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** Refuses a request with the status and text that Consul would use. */
export class RequestError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = "RequestError";
    this.status = status;
    this.headers = headers;
  }
}

type Headers = Readonly<Record<string, string>>;

/** JSON that is already written. */
export function jsonText(body: string, headers: Headers = {}, status = 200): Reply {
  return { status, headers: { ...headers, "Content-Type": "application/json" }, body };
}

export function text(status: number, body: string, headers: Headers = {}): Reply {
  return { status, headers: { ...headers, "Content-Type": "text/plain; charset=utf-8" }, body };
}

/** No body and no content type: what Consul answers to most writes, and to paths it does not know. */
export function empty(status = 200, headers: Headers = {}): Reply {
  return { status, headers, body: "" };
}

export function errorReply(error: unknown): Reply {
  if (error instanceof RequestError) return text(error.status, error.message, error.headers);
  return text(500, error instanceof Error ? error.message : String(error));
}
