/** From a method and a path to a handler, answering what does not match, and who may not ask, the way Consul does. */
import type { IncomingHttpHeaders } from "node:http";

import { everybodyHolds, type Identify, permissionDenied, unknownToken } from "./access.ts";
import { empty, errorReply, text, type Reply } from "./reply.ts";

export type Method = "GET" | "PUT" | "DELETE" | "POST";

/** One request, as handlers see it. */
export interface Call {
  /** The decoded path beyond the route's own, e.g. a service ID; empty for exact routes. */
  readonly rest: string;
  readonly query: URLSearchParams;
  readonly body: Buffer;
  /** Aborted when the caller went away. */
  readonly signal: AbortSignal;
  /** "nothing" only where an endpoint answers the anonymous too. */
  readonly sees: "everything" | "nothing";
}

export type Handler = (call: Call) => Reply | Promise<Reply>;

/** A handler, and whom it answers besides those who hold the agent's token. Made by the functions of access.ts. */
export interface Endpoint {
  readonly handle: Handler;
  readonly answers: "holders" | "the anonymous too" | "everybody";
  readonly refusalHeaders: Readonly<Record<string, string>>;
}

export interface Route {
  /** Ends in "/" when it stands for everything below it that no longer path claims; "/" alone is only itself. */
  readonly path: string;
  /** A bare handler answers nobody but those who hold the agent's token. */
  readonly methods: Readonly<Partial<Record<Method, Handler | Endpoint>>>;
}

export interface Request {
  readonly method: string;
  /** The path and query as they came. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly signal: AbortSignal;
}

export type Router = (request: Request) => Promise<Reply>;

/** @param identify tells who asks; where it is not given there is no token, and everybody may do everything. */
export function createRouter(routes: readonly Route[], identify: Identify = everybodyHolds): Router {
  const exact = new Map(routes.map((route) => [route.path, route]));
  const below = routes.filter(({ path }) => path.endsWith("/") && path !== "/");
  const prefixes = below.sort((a, b) => b.path.length - a.path.length);

  const find = (path: string): Route | undefined =>
    exact.get(path) ?? prefixes.find((route) => path.startsWith(route.path));

  return async (request) => {
    const { path: rawPath, query: rawQuery } = split(request.target);
    const path = decodePath(rawPath);
    if (path === undefined) return text(400, "400 Bad Request", { Connection: "close" });
    const clean = cleanPath(path);
    if (clean !== path) return moved(request.method, clean, rawQuery);
    const route = find(path);
    if (route === undefined) return exact.has(`${path}/`) ? moved(request.method, `${path}/`, rawQuery) : empty(404);

    const allow = `OPTIONS,${Object.keys(route.methods).join(",")}`;
    if (request.method === "OPTIONS") return empty(200, { Allow: allow });
    const found = isMethod(request.method) ? route.methods[request.method] : undefined;
    if (found === undefined) return text(405, `method ${request.method} not allowed`, { Allow: allow });
    const { handle, answers, refusalHeaders } = typeof found === "function" ? closedEndpoint(found) : found;
    const query = new URLSearchParams(rawQuery);
    const caller = identify(request.headers, query);
    if (caller === "stranger" && answers !== "everybody") return text(403, unknownToken, refusalHeaders);
    if (caller === "anonymous" && answers === "holders") return text(403, permissionDenied, refusalHeaders);
    try {
      const rest = path.slice(route.path.length);
      const sees = caller === "holder" || answers === "everybody" ? "everything" : "nothing";
      return await handle({ rest, query, body: request.body, signal: request.signal, sees });
    } catch (error) {
      return errorReply(error);
    }
  };
}

function closedEndpoint(handle: Handler): Endpoint {
  return { handle, answers: "holders", refusalHeaders: {} };
}

function isMethod(method: string): method is Method {
  return method === "GET" || method === "PUT" || method === "DELETE" || method === "POST";
}

function split(target: string): { path: string; query: string } {
  const mark = target.indexOf("?");
  return mark < 0 ? { path: target, query: "" } : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/** Percent-decodes bytes, so that what is not UTF-8 is replaced, not refused; `undefined` for a broken escape. */
export function decodePath(raw: string): string | undefined {
  if (!raw.includes("%")) return raw;
  if (/%(?![\da-fA-F]{2})/.test(raw)) return undefined;
  const bytes = raw.replace(/%([\da-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** Without empty, `.` and `..` segments; a slash at the end stays. */
function cleanPath(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  const clean = `/${kept.join("/")}`;
  return path.endsWith("/") && clean !== "/" ? `${clean}/` : clean;
}

function moved(method: string, path: string, query: string): Reply {
  const location = encodeURI(path) + (query === "" ? "" : `?${query}`);
  if (method !== "GET") return empty(301, { Location: location });
  const body = `<a href="${location.replaceAll("&", "&amp;")}">Moved Permanently</a>.\n\n`;
  return { status: 301, headers: { Location: location, "Content-Type": "text/html; charset=utf-8" }, body };
}
