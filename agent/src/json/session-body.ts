/** The body of `/v1/session/create`, read as Consul 1.8 does: fields that it does not know are read past. */
import { RequestError } from "../http/reply.ts";
import type { Session, SessionDraft } from "../state/sessions.ts";
import { decodeBody, type FieldReader, ignoredField, listOf, objectField, stringField } from "./decode.ts";
import { parseGoDuration } from "./go-duration.ts";

const serfHealth = "serfHealth";
const defaultLockDelayNs = 15_000_000_000n;
/** A delay below this counts seconds: it was meant so before durations had units. */
const secondsBelowNs = 1_000n;
const second = 1_000_000_000n;

/** @throws RequestError when the body is none; an empty one asks for a session of this node. */
export function decodeSession(body: Buffer, ownNode: string): SessionDraft {
  let name = "";
  let node = ownNode;
  let lockDelayNs = defaultLockDelayNs;
  let behavior = "release";
  let ttl = "";
  let nodeChecks: string[] | null = [serfHealth];
  let serviceChecks: { id: string; namespace: string }[] | null = null;
  let checks: string[] = [serfHealth];
  const fields = {
    ID: stringField(() => undefined),
    Name: stringField((v) => (name = v)),
    Node: stringField((v) => (node = v)),
    LockDelay: lockDelayField((ns) => (lockDelayNs = ns)),
    Behavior: stringField((v) => (behavior = v)),
    TTL: stringField((v) => (ttl = v)),
    NodeChecks: stringsField((v) => (nodeChecks = v)),
    ServiceChecks: serviceChecksField((v) => (serviceChecks = v)),
    Checks: stringsField((v) => (checks = v ?? []), "types.CheckID"),
    CreateIndex: ignoredField,
    ModifyIndex: ignoredField,
  };
  if (body.length > 0) {
    decodeBody(body, fields, "", {
      unknownFields: "ignore",
      goType: "struct { LockDelay interface {}; *structs.Alias }",
    });
  }
  return { name, node, lockDelayNs, behavior, ttl, serviceChecks, ...reconciled(checks, nodeChecks) };
}

/** Until 1.7 there was one list of checks; both are read, and what only one of them says holds. */
function reconciled(checks: readonly string[], nodeChecks: readonly string[] | null): Checks {
  if (checks.length === 0) return { checks, nodeChecks: [] };
  const isDefault = checks.length === 1 && checks[0] === serfHealth;
  return { checks: isDefault || (nodeChecks ?? []).length === 0 ? [] : checks, nodeChecks };
}

type Checks = Pick<SessionDraft, "checks" | "nodeChecks">;

function lockDelayField(set: (ns: bigint) => void): FieldReader {
  return (value) => {
    if (value === null) return;
    let ns = typeof value === "number" ? BigInt(Math.trunc(value)) : 0n;
    if (typeof value === "string") {
      const parsed = parseGoDuration(value);
      if ("fault" in parsed) throw new RequestError(400, `Request decode failed: ${parsed.fault}`);
      ({ ns } = parsed);
    }
    set(BigInt.asIntN(64, ns < secondsBelowNs ? ns * second : ns));
  };
}

function stringsField(set: (values: string[] | null) => void, type = "string"): FieldReader {
  return (value, path) => {
    const values: string[] = [];
    listOf(
      stringField((v) => values.push(v), type),
      `[]${type}`,
    )(value, path);
    set(value === null ? null : values);
  };
}

function serviceChecksField(set: (values: { id: string; namespace: string }[] | null) => void): FieldReader {
  return (value, path) => {
    const values: { id: string; namespace: string }[] = [];
    const read: FieldReader = (item, at) => {
      const check = { id: "", namespace: "" };
      values.push(check);
      const fields = { ID: stringField((v) => (check.id = v)), Namespace: stringField((v) => (check.namespace = v)) };
      objectField(fields, at, "structs.ServiceCheck")(item, at);
    };
    listOf(read, "[]structs.ServiceCheck")(value, path);
    set(value === null ? null : values);
  };
}

export function sessionJson(session: Session): object {
  const { serviceChecks, checks } = session;
  return {
    ID: session.id,
    Name: session.name,
    Node: session.node,
    LockDelay: Number(session.lockDelayNs),
    Behavior: session.behavior,
    TTL: session.ttl,
    NodeChecks: session.nodeChecks,
    ServiceChecks: serviceChecks?.map(({ id, namespace }) => ({ ID: id, Namespace: namespace })) ?? null,
    ...(checks.length === 0 ? {} : { Checks: checks }),
    CreateIndex: session.createIndex,
    ModifyIndex: session.modifyIndex,
  };
}
