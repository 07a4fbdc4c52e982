/**
 * Plays one script of requests to a registry and writes down what it answered, with everything that may rightly differ
 * between two registries made equal: indexes, node identity, ports, hashes, and how the bytes were packed.
 */
import { request } from "node:http";
import { hostname } from "node:os";
import { pemShape } from "./certificate-shape.ts";

export interface Raw {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The parsed body, or `undefined` when it is not JSON. */
  readonly json: unknown;
  /** `X-Consul-Index`, or `NaN`. */
  readonly index: number;
}

/** One answer, comparable. */
export interface Recorded {
  readonly request: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export type Method = "GET" | "PUT" | "DELETE" | "POST" | "HEAD" | "OPTIONS" | "PATCH";

/** Who asks, by what stands before the requests in records, and how a registry can tell. */
export interface Caller {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
}

const nobody: Caller = { name: "", headers: {} };

/** Long enough that a watcher that should wake does so on a busy machine, and the script does not hang if it does not. */
const settleWait = "5s";
const settleAttempts = 20;

export class Recorder {
  readonly records: Recorded[] = [];
  readonly #url: string;
  readonly #caller: Caller;

  constructor(url: string, caller: Caller = nobody) {
    this.#url = url;
    this.#caller = caller;
  }

  /** One that asks as somebody else and keeps its own records. */
  as(caller: Caller): Recorder {
    return new Recorder(this.#url, caller);
  }

  get(path: string): Promise<Raw> {
    return this.ask("GET", path);
  }

  put(path: string, body?: unknown): Promise<Raw> {
    return this.ask("PUT", path, body);
  }

  delete(path: string): Promise<Raw> {
    return this.ask("DELETE", path);
  }

  /** Asks and records. A body that is not text is sent as JSON. */
  async ask(method: Method, path: string, body?: unknown): Promise<Raw> {
    const raw = await this.askQuietly(method, path, body);
    const shown = withoutUuids(
      `${this.#caller.name}${method} ${path.replace(/((?:index|cas)=)[1-9]\d+/g, "$1<index>")}`,
    );
    this.records.push({
      request: body === undefined ? shown : `${shown} ${shownBody(body)}`,
      status: raw.status,
      headers: comparableHeaders(raw),
      body: raw.json === undefined ? textShape(raw.body) : comparable(unordered(path, raw.json), ""),
    });
    return raw;
  }

  askQuietly(method: Method, path: string, body?: unknown): Promise<Raw> {
    return exchange(`${this.#url}${path}`, method, body, this.#caller.headers);
  }

  /** Writes down a conclusion instead of an answer. */
  note(what: string, value: unknown): void {
    this.records.push({ request: what, status: 0, headers: {}, body: value });
  }

  /**
   * Waits, through blocking queries, until the answer is as wanted. A Consul syncs registrations to its catalog a moment
   * after it has answered them.
   */
  async until(path: string, wanted: (json: unknown) => boolean): Promise<Raw> {
    let index = 0;
    for (let attempt = 0; attempt < settleAttempts; attempt++) {
      const mark = path.includes("?") ? "&" : "?";
      const raw = await this.askQuietly("GET", `${path}${mark}index=${index}&wait=${settleWait}`);
      if (wanted(raw.json)) return raw;
      index = raw.index;
    }
    throw new Error(`${this.#url}${path} never became what the script waits for`);
  }

  /**
   * Blocks on the path's present index while `act` runs, and records whether that woke it. Nothing says when a registry
   * has begun to block, so `act` may come first: use it only where an index that does not wake does not move either.
   */
  async watch(what: string, path: string, waitMs: number, act: () => Promise<unknown>): Promise<Raw> {
    const mark = path.includes("?") ? "&" : "?";
    const before = await this.askQuietly("GET", path);
    const blocked = this.askQuietly("GET", `${path}${mark}index=${before.index}&wait=${waitMs}ms`);
    await act();
    const after = await blocked;
    const moved = after.index > before.index ? "woken with a higher index" : "not woken, the same index";
    this.note(`${what}: ${path}`, { answer: moved, status: after.status });
    return after;
  }
}

const shownBodyChars = 160;

function shownBody(body: unknown): string {
  const text = withoutUuids(withoutPorts(JSON.stringify(body)));
  return text.replaceAll(/("(?:Modify)?Index":)[1-9]\d+/g, "$1<index>").slice(0, shownBodyChars);
}

function exchange(url: string, method: Method, body: unknown, more: Caller["headers"]): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const written = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const length = written === undefined ? {} : { "Content-Length": Buffer.byteLength(written) };
    const headers = { ...more, ...length };
    const outgoing = request(url, { method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const headers = Object.fromEntries(
          Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
        );
        const index = Number(headers["x-consul-index"] ?? Number.NaN);
        resolve({ status: response.statusCode ?? 0, headers, body: text, json: parsed(text), index });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(written);
  });
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

/** About the connection and the packing of bytes, not about the answer. */
const ignoredHeaders = new Set([
  "date",
  "connection",
  "keep-alive",
  "content-length",
  "transfer-encoding",
  "vary",
  // How long an agent's copy has been there.
  "age",
]);

function comparableHeaders({ status, headers }: Raw): Record<string, string> {
  const shown = Object.entries(headers).filter(([name]) => !ignoredHeaders.has(name));
  return Object.fromEntries(
    shown.map(([name, value]) => {
      if (name === "x-consul-index") return [name, status === 200 || status === 404 ? "<index>" : value];
      if (name === "x-cache") return [name, "<hit or miss>"];
      return [name, name === "x-consul-contenthash" ? "<hash>" : value];
    }),
  );
}

/** Every registry has its own; server names and identities end in it or begin with it. */
const trustDomain = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\.consul/g;

/** Of certificates and keys. */
const fingerprint = /^[\da-f]{2}(?::[\da-f]{2}){19,31}$/;

/** By field name: what is not the same on two machines, or twice on one. */
const volatile: Readonly<Record<string, string>> = {
  CreateIndex: "<index>",
  ModifyIndex: "<index>",
  ContentHash: "<hash>",
  CreatedAt: "<time>",
  UpdatedAt: "<time>",
  NodeID: "<uuid>",
  NodeName: "<node>",
  CreateTime: "<time>",
  Hash: "<hash>",
  SerialNumber: "<number>",
  NotBefore: "<time>",
  NotAfter: "<time>",
  ValidAfter: "<time>",
  ValidBefore: "<time>",
};

function comparable(value: unknown, field: string): unknown {
  if (field in volatile) return volatile[field];
  if (typeof value === "string") {
    if (field === "Node" && value === hostname()) return "<node>";
    return textShape(withoutPorts(value).replace(trustDomain, "<trust domain>").replace(fingerprint, "<fingerprint>"));
  }
  if (Array.isArray(value)) return byCheckId(value).map((item) => comparable(item, field === "" ? "" : "[]"));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, comparable(item, name)]));
}

function textShape(text: string): unknown {
  return pemShape(text) ?? withoutUuids(text);
}

function withoutPorts(text: string): string {
  return text.replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:<port>");
}

function withoutUuids(text: string): string {
  const hidden = text.replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, "<uuid>");
  return hidden.replaceAll(/[\dA-F]{8}(-[\dA-F]{4}){3}-[\dA-F]{12}/g, "<UUID>");
}

/** The tags of a service in this list are a set; sessions and roots come by their IDs, which nobody chooses. */
function unordered(path: string, json: unknown): unknown {
  if (path.startsWith("/v1/session/") && Array.isArray(json)) {
    const content = (session: unknown): string => {
      return JSON.stringify({ ...(session as object), ID: "", CreateIndex: 0, ModifyIndex: 0 });
    };
    return [...(json as unknown[])].sort((a, b) => content(a).localeCompare(content(b)));
  }
  if (path.includes("/connect/ca/roots") && typeof json === "object" && json !== null && "Roots" in json) {
    const roots = json.Roots as { readonly CreateIndex: number }[];
    return { ...json, Roots: [...roots].sort((a, b) => a.CreateIndex - b.CreateIndex) };
  }
  if (!path.startsWith("/v1/catalog/services") || typeof json !== "object" || json === null) return json;
  return Object.fromEntries(Object.entries(json).map(([name, tags]) => [name, [...(tags as string[])].sort()]));
}

/** Consul keeps an agent's checks in a map and shows them in no order. */
function byCheckId(items: readonly unknown[]): readonly unknown[] {
  const id = (item: unknown): string => (item as { CheckID?: string } | null)?.CheckID ?? "";
  return [...items].sort((a, b) => id(a).localeCompare(id(b)));
}
