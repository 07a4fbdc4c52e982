/** The body of a check, alone or within a service: decoded and validated in the order and words of Consul 1.8. */
import { RequestError } from "../http/reply.ts";
import type { CheckMethod, CheckSpec } from "../state/check-spec.ts";
import type { Status } from "../state/service.ts";
import {
  booleanField,
  decodeBody,
  durationField,
  type FieldReader,
  type Fields,
  ignoredField,
  integerField,
  listOf,
  mapField,
  objectField,
  stringField,
} from "./decode.ts";

/** What a body says of a check, before it makes sense. */
export interface CheckDraft {
  id: string;
  name: string;
  notes: string;
  status: string;
  serviceId: string;
  ttlMs: number;
  intervalMs: number;
  timeoutMs: number;
  deregisterAfterMs: number;
  http: string;
  httpMethod: string;
  httpBody: string;
  httpHeaders: [string, string[]][];
  tcp: string;
  grpc: string;
  grpcTls: boolean;
  tlsSkipVerify: boolean;
  aliasNode: string;
  aliasService: string;
  script: string[];
  successBeforePassing: number;
  failuresBeforeCritical: number;
  maxOutputBytes: number;
  /** Of no interest beyond having been said. */
  other: string;
}

export function newDraft(): CheckDraft {
  return {
    id: "",
    name: "",
    notes: "",
    status: "",
    serviceId: "",
    ttlMs: 0,
    intervalMs: 0,
    timeoutMs: 0,
    deregisterAfterMs: 0,
    http: "",
    httpMethod: "",
    httpBody: "",
    httpHeaders: [],
    tcp: "",
    grpc: "",
    grpcTls: false,
    tlsSkipVerify: false,
    aliasNode: "",
    aliasService: "",
    script: [],
    successBeforePassing: 0,
    failuresBeforeCritical: 0,
    maxOutputBytes: 0,
    other: "",
  };
}

/** Consul ignores a check of a service of which nothing was said. */
export function isStated(draft: CheckDraft): boolean {
  return JSON.stringify(draft) !== JSON.stringify(newDraft());
}

/** A check within a service; its `ServiceID` is known and ignored. */
export function serviceCheckField(begin: () => CheckDraft): FieldReader {
  return (value, path) => {
    const draft = begin();
    const other = stringField((v) => (draft.other += v));
    const fields: Fields = {
      ...commonFields(draft),
      CheckID: stringField((v) => (draft.id = v)),
      ProxyHTTP: other,
      ProxyGRPC: other,
      ServiceID: ignoredField,
      service_id: ignoredField,
    };
    // Go's decoder names the field of the service for whatever is wrong within.
    const outside = Object.entries(fields).map(([name, read]): [string, FieldReader] => [name, (v) => read(v, path)]);
    objectField(Object.fromEntries(outside), "")(value, path);
  };
}

/** The body of `/v1/agent/check/register`. */
export function decodeCheckDefinition(body: Buffer): CheckDraft {
  const draft = newDraft();
  const serviceId = stringField((v) => (draft.serviceId = draft.serviceId === "" ? v : draft.serviceId));
  decodeBody(body, {
    ...commonFields(draft),
    ID: stringField((v) => (draft.id = v)),
    ServiceID: stringField((v) => (draft.serviceId = v)),
    service_id: serviceId,
    Token: ignoredField,
  });
  return draft;
}

function commonFields(draft: CheckDraft): Fields {
  const script = listOf(
    stringField((v) => draft.script.push(v)),
    "[]string",
  );
  const deregister = durationField((ms) => (draft.deregisterAfterMs = ms));
  const skipVerify = booleanField((v) => (draft.tlsSkipVerify ||= v));
  const other = stringField((v) => (draft.other += v));
  return {
    Name: stringField((v) => (draft.name = v)),
    Notes: stringField((v) => (draft.notes = v)),
    Status: stringField((v) => (draft.status = v)),
    TTL: durationField((ms) => (draft.ttlMs = ms)),
    Interval: durationField((ms) => (draft.intervalMs = ms)),
    Timeout: durationField((ms) => (draft.timeoutMs = ms)),
    DeregisterCriticalServiceAfter: deregister,
    deregister_critical_service_after: deregister,
    HTTP: stringField((v) => (draft.http = v)),
    Method: stringField((v) => (draft.httpMethod = v)),
    Body: stringField((v) => (draft.httpBody = v)),
    Header: headerField((name, values) => draft.httpHeaders.push([name, values])),
    TCP: stringField((v) => (draft.tcp = v)),
    GRPC: stringField((v) => (draft.grpc = v)),
    GRPCUseTLS: booleanField((v) => (draft.grpcTls = v)),
    TLSSkipVerify: skipVerify,
    tls_skip_verify: skipVerify,
    AliasNode: stringField((v) => (draft.aliasNode = v)),
    AliasService: stringField((v) => (draft.aliasService = v)),
    ScriptArgs: script,
    script_args: script,
    args: script,
    SuccessBeforePassing: integerField((v) => (draft.successBeforePassing = v)),
    FailuresBeforeCritical: integerField((v) => (draft.failuresBeforeCritical = v)),
    OutputMaxSize: integerField((v) => (draft.maxOutputBytes = v)),
    Shell: other,
    DockerContainerID: other,
    docker_container_id: other,
  };
}

/** Names of headers to their values. */
export function headerField(read: (name: string, values: string[]) => void): FieldReader {
  return mapField((name, value, path) => {
    const values: string[] = [];
    listOf(
      stringField((v) => values.push(v)),
      "[]string",
    )(value, path);
    read(name, values);
  }, "map[string][]string");
}

/** @throws RequestError when the parts of the check exclude each other, or nothing says how it is done. */
export function validateCheck(draft: CheckDraft): void {
  const { intervalMs, ttlMs, maxOutputBytes } = draft;
  const polled = draft.script.length > 0 || draft.http !== "" || draft.tcp !== "" || draft.grpc !== "";
  const alias = draft.aliasNode !== "" || draft.aliasService !== "";
  if (intervalMs > 0 && ttlMs > 0) invalid("Interval and TTL cannot both be specified");
  if (polled && intervalMs <= 0) invalid("Interval must be > 0 for Script, HTTP, or TCP checks");
  if (polled && alias) invalid("Interval cannot be set for Alias checks");
  if (alias && ttlMs > 0) invalid("TTL must be not be set for Alias checks");
  if (!polled && !alias && ttlMs <= 0) invalid("TTL must be > 0 for TTL checks");
  if (maxOutputBytes < 0) invalid("MaxOutputMaxSize must be positive");
}

function invalid(why: string): never {
  throw new RequestError(400, `Invalid check: ${why}`);
}

/** A check of a valid draft. Consul runs scripts only where its configuration allows it; this agent never does. */
export function toCheckSpec(draft: CheckDraft): CheckSpec {
  if (draft.script.length > 0) {
    const way = "to enable, configure 'enable_script_checks' to true";
    throw new RequestError(500, `Scripts are disabled on this agent from remote calls; ${way}`);
  }
  const { id, name, notes, deregisterAfterMs, maxOutputBytes } = draft;
  const status = isStatus(draft.status) ? draft.status : "critical";
  return { id, name, notes, status, deregisterAfterMs, maxOutputBytes, method: methodOf(draft) };
}

/** Consul's for one attempt. */
const defaultTimeoutMs = 10_000;

/** Of several methods, the one that Consul would run. */
function methodOf(draft: CheckDraft): CheckMethod {
  if (draft.ttlMs > 0) return { kind: "ttl", ttlMs: draft.ttlMs };
  const { intervalMs, successBeforePassing, failuresBeforeCritical, tlsSkipVerify } = draft;
  const timeoutMs = draft.timeoutMs > 0 ? draft.timeoutMs : defaultTimeoutMs;
  const poll = { intervalMs, timeoutMs, successBeforePassing, failuresBeforeCritical };
  if (draft.http !== "") {
    const { http: url, httpMethod: method, httpBody: body } = draft;
    const headers = Object.fromEntries(draft.httpHeaders);
    return { kind: "http", target: { kind: "http", url, method, headers, body, tlsSkipVerify }, ...poll };
  }
  if (draft.tcp !== "") return { kind: "tcp", target: { kind: "tcp", address: draft.tcp }, ...poll };
  if (draft.grpc !== "") {
    return { kind: "grpc", target: { kind: "grpc", address: draft.grpc, tls: draft.grpcTls, tlsSkipVerify }, ...poll };
  }
  return { kind: "alias", node: draft.aliasNode, serviceId: draft.aliasService };
}

export function isStatus(written: string): written is Status {
  return written === "passing" || written === "warning" || written === "critical";
}
