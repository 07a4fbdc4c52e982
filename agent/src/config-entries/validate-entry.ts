/** What is wrong with one config entry by itself, in the order and words of Consul 1.8. */
import { weightUnits } from "../discovery-chain/weight.ts";
import { formatGoDuration } from "../json/go-duration.ts";
import type {
  ConfigEntry,
  Failover,
  HttpMatch,
  Redirect,
  Route,
  ServiceResolver,
  ServiceRouter,
  ServiceSplitter,
} from "./config-entry.ts";
import { ConfigEntryError, severalErrors } from "./config-entry-error.ts";

/** The same numbers as for the metadata of a service; lengths are bytes. */
const maxMetaPairs = 64;
const maxMetaKeyBytes = 128;
const maxMetaValueBytes = 512;

const maxSubsetNameChars = 63;
/** One hundred percent in hundredths of a percent. */
const allUnits = 10_000;

function refuse(why: string): never {
  throw new ConfigEntryError(why);
}

const quoted = (text: string): string => JSON.stringify(text);

/** @throws ConfigEntryError with the first fault. */
export function validateEntry(entry: ConfigEntry): void {
  switch (entry.kind) {
    case "proxy-defaults":
    case "service-defaults":
      validateMeta(entry.meta);
      return;
    case "service-router":
      validateRouter(entry);
      return;
    case "service-splitter":
      validateSplitter(entry);
      return;
    case "service-resolver":
      validateResolver(entry);
  }
}

function validateMeta(meta: ReadonlyMap<string, string>): void {
  const faults: string[] = [];
  if (meta.size > maxMetaPairs) faults.push(`Meta exceeds maximum element count ${maxMetaPairs}`);
  for (const [key, value] of meta) {
    if (Buffer.byteLength(key) > maxMetaKeyBytes) {
      faults.push(`Meta key ${quoted(key)} exceeds maximum length ${maxMetaKeyBytes}`);
    }
    if (Buffer.byteLength(value) > maxMetaValueBytes) {
      faults.push(`Meta value for key ${quoted(key)} exceeds maximum length ${maxMetaValueBytes}`);
    }
  }
  if (faults.length > 0) refuse(severalErrors(faults));
}

function validateRouter({ name, meta, routes }: ServiceRouter): void {
  if (name === "") refuse("Name is required");
  validateMeta(meta);
  routes?.forEach(validateRoute);
}

function validateRoute({ match, destination }: Route, position: number): void {
  const route = `Route[${position}]`;
  const http = match?.http;
  if (http !== undefined) validateHttpMatch(http, route);
  const hasPath = http !== undefined && (http.pathExact !== "" || http.pathPrefix !== "");
  if (destination !== undefined && destination.prefixRewrite !== "" && !hasPath) {
    refuse(`${route} cannot make use of PrefixRewrite without configuring either PathExact or PathPrefix`);
  }
}

function validateHttpMatch(http: HttpMatch, route: string): void {
  const { pathExact, pathPrefix, pathRegex, header, queryParam, methods } = http;
  for (const [field, path] of Object.entries({ PathExact: pathExact, PathPrefix: pathPrefix })) {
    if (path !== "" && !path.startsWith("/")) refuse(`${route} ${field} doesn't start with '/': ${quoted(path)}`);
  }
  if (count(pathExact, pathPrefix, pathRegex) > 1) {
    refuse(`${route} should only contain at most one of PathExact, PathPrefix, or PathRegex`);
  }
  header.forEach(({ name, present, exact, prefix, suffix, regex }, position) => {
    const where = `${route} Header[${position}]`;
    if (name === "") refuse(`${where} missing required Name field`);
    if (count(present, exact, regex, prefix, suffix) !== 1) {
      refuse(`${where} should only contain one of Present, Exact, Prefix, Suffix, or Regex`);
    }
  });
  queryParam.forEach(({ name, present, exact, regex }, position) => {
    const where = `${route} QueryParam[${position}]`;
    if (name === "") refuse(`${where} missing required Name field`);
    if (count(present, exact, regex) !== 1) refuse(`${where} should only contain one of Present, Exact, or Regex`);
  });
  const twice = methods.find((method, position) => methods.indexOf(method) < position);
  if (twice !== undefined) refuse(`${route} Methods contains ${quoted(twice)} more than once`);
}

/** How many were set. */
function count(...fields: readonly (string | boolean)[]): number {
  return fields.filter((field) => field !== "" && field !== false).length;
}

function validateSplitter({ name, meta, splits }: ServiceSplitter): void {
  if (name === "") refuse("Name is required");
  if (splits.length === 0) refuse("no splits configured");
  validateMeta(meta);
  const seen = new Set<string>();
  for (const split of splits) {
    const service = split.service === "" ? name : split.service;
    const { serviceSubset, namespace } = split;
    const key = JSON.stringify([service, serviceSubset, namespace]);
    if (seen.has(key)) {
      const where = `service=${quoted(service)}, subset=${quoted(serviceSubset)}, namespace=${quoted(namespace)}`;
      refuse(`split destination occurs more than once: ${where}`);
    }
    seen.add(key);
  }
  let units = 0;
  for (const { weight } of splits) units += weightUnits(weight);
  if (units !== allUnits) {
    const sum = Math.fround(Math.fround(units) / 100);
    refuse(`the sum of all split weights must be 100, not ${sum.toFixed(6)}`);
  }
}

function validateResolver(entry: ServiceResolver): void {
  const { name, meta, subsets, defaultSubset, redirect, failover, connectTimeoutNs } = entry;
  if (name === "") refuse("Name is required");
  validateMeta(meta);
  for (const subset of subsets.keys()) validateSubsetName(subset);
  if (defaultSubset !== "" && !subsets.has(defaultSubset)) {
    refuse(`DefaultSubset ${quoted(defaultSubset)} is not a valid subset`);
  }
  if (redirect !== undefined) validateRedirect(redirect, entry);
  for (const [subset, policy] of failover) validateFailover(subset, policy, entry);
  if (connectTimeoutNs < 0n) refuse(`Bad ConnectTimeout '${formatGoDuration(connectTimeoutNs)}', must be >= 0`);
}

/** Subsets are part of the server name that TLS asks for, hence DNS labels. */
function validateSubsetName(subset: string): void {
  if (subset === "") refuse("Subset defined with empty name");
  const length = `${maxSubsetNameChars} characters or fewer`;
  const invalid = `Subset ${quoted(subset)} is invalid: must be`;
  if (Buffer.byteLength(subset) > maxSubsetNameChars) refuse(`${invalid} non-empty and ${length}`);
  if (!/^[a-z\d](?:[a-z\d-]*[a-z\d])?$/.test(subset)) {
    const letters = "lower case alphanumeric characters";
    refuse(`${invalid} ${length}, begin or end with ${letters}, and contain ${letters} or '-' in between`);
  }
}

function validateRedirect(redirect: Redirect, { name, subsets, failover }: ServiceResolver): void {
  const { service, serviceSubset, namespace, datacenter } = redirect;
  if (failover.size > 0) refuse("Redirect and Failover cannot both be set");
  if (count(service, serviceSubset, namespace, datacenter) === 0) refuse("Redirect is empty");
  if (service === "") {
    if (serviceSubset !== "") refuse("Redirect.ServiceSubset defined without Redirect.Service");
    if (namespace !== "") refuse("Redirect.Namespace defined without Redirect.Service");
  } else if (service === name && serviceSubset !== "" && !subsets.has(serviceSubset)) {
    refuse(`Redirect.ServiceSubset ${quoted(serviceSubset)} is not a valid subset of ${quoted(service)}`);
  }
}

function validateFailover(subset: string, policy: Failover, { name, subsets }: ServiceResolver): void {
  const { service, serviceSubset, namespace, datacenters } = policy;
  const bad = `Bad Failover[${quoted(subset)}]`;
  if (subset !== "*" && !subsets.has(subset)) refuse(`${bad}: not a valid subset`);
  if (count(service, serviceSubset, namespace) === 0 && datacenters.length === 0) {
    refuse(`${bad} one of Service, ServiceSubset, Namespace, or Datacenters is required`);
  }
  if (serviceSubset !== "" && (service === "" || service === name) && !subsets.has(serviceSubset)) {
    refuse(`${bad}.ServiceSubset ${quoted(serviceSubset)} is not a valid subset of ${quoted(service)}`);
  }
  if (datacenters.includes("")) refuse(`${bad}.Datacenters: found empty datacenter`);
}
