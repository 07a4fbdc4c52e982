/** From the body of a request to a config entry, normalised and validated the way and in the words of Consul 1.8. */
import { RequestError } from "../http/reply.ts";
import { notAMap, parseObjectBody, undecodable } from "../json/loose-body.ts";
import { decodeLoosely, type JsonObject, LooseDecodeError } from "../json/loose-codec.ts";
import { severalErrors } from "./config-entry-error.ts";
import { type ConfigEntry, globalName, type Route } from "./config-entry.ts";
import { entryCodec, isConfigEntryKind } from "./entry-codecs.ts";
import { defaultNamespace } from "../discovery-chain/chain.ts";
import { normalizedWeight } from "../discovery-chain/weight.ts";

/** Consul has them for proxies at the edge of the mesh. */
const gatewayKinds = new Set(["ingress-gateway", "terminating-gateway"]);

export function isKnownKind(kind: string): boolean {
  return isConfigEntryKind(kind) || gatewayKinds.has(kind);
}

/** Reads an entry, not yet validated. @throws RequestError */
export function decodeConfigEntry(body: Buffer): ConfigEntry {
  const raw = parseObjectBody(body, notAMap);
  const kind = kindOfEntry(raw);
  if (gatewayKinds.has(kind)) {
    const why = "there are no proxies that could be gateways";
    throw new RequestError(501, `config entries of kind ${kind} are not supported by the meshwork agent: ${why}`);
  }
  if (!isConfigEntryKind(kind)) throw undecodable(`invalid config entry kind: ${kind}`);
  const unknown: string[] = [];
  try {
    const content = decodeLoosely(entryCodec(kind), raw, "", unknown);
    refuseUnknown(unknown);
    return normalized({ ...content, kind } as ConfigEntry);
  } catch (error) {
    if (error instanceof LooseDecodeError) throw undecodable(error.message);
    throw error;
  }
}

function kindOfEntry(raw: JsonObject): string {
  const kind = Object.hasOwn(raw, "Kind") ? raw["Kind"] : raw["kind"];
  if (kind === undefined) throw undecodable("Payload does not contain a kind/Kind key at the top level");
  if (typeof kind !== "string") throw undecodable("Kind value in payload is not a string");
  return kind;
}

/** The indexes of an entry that was read may be sent back with it. */
const tolerated = new Set(["CreateIndex", "ModifyIndex"]);

function refuseUnknown(unknown: readonly string[]): void {
  const faults = unknown
    .filter((key) => !tolerated.has(key))
    .map((key) => {
      const isNamespace = key.toLowerCase().endsWith("namespace");
      return `invalid config key ${JSON.stringify(key)}${isNamespace ? ", namespaces are a consul enterprise feature" : ""}`;
    });
  if (faults.length > 0) throw undecodable(severalErrors(faults));
}

function normalized(entry: ConfigEntry): ConfigEntry {
  switch (entry.kind) {
    case "proxy-defaults":
      return { ...entry, name: globalName };
    case "service-defaults":
      return { ...entry, protocol: entry.protocol.toLowerCase() };
    case "service-router":
      return { ...entry, routes: entry.routes?.map(normalizedRoute) ?? null };
    case "service-splitter":
      return {
        ...entry,
        splits: entry.splits.map((split) => ({ ...split, weight: normalizedWeight(split.weight) })),
      };
    case "service-resolver":
      return entry;
  }
}

/** Consul fills in a destination's namespace only where a route names methods. */
function normalizedRoute(route: Route): Route {
  const http = route.match?.http;
  if (http === undefined || http.methods.length === 0) return route;
  const methods = http.methods.map((method) => method.toUpperCase());
  const { destination } = route;
  const namespace = destination?.namespace === "" ? defaultNamespace : destination?.namespace;
  return {
    match: { http: { ...http, methods } },
    destination: destination && { ...destination, namespace: namespace ?? "" },
  };
}
