/** Sessions: what holds keys, for as long as it is renewed (https://developer.hashicorp.com/consul/api-docs/session). */
import { z } from "zod";
import { type CallBounds, type ConsulHttp, refusal } from "./consul-http.ts";
import { decodeReply } from "./decode-reply.ts";
import { GoDuration } from "./go-duration.ts";
import { writeRefusal } from "./write-refusal.ts";

export interface SessionTerms {
  /** For people who list sessions. Default none. */
  readonly name?: string;
  /**
   * Milliseconds, 10,000 to 86,400,000. Not renewed for so long, the session ends: never sooner, but perhaps only after
   * twice as long. Default: it ends with its node alone.
   */
  readonly ttlMs?: number;
  /** Milliseconds, 0 to 60,000, for which nobody gets what an ended session held. Default 15,000. */
  readonly lockDelayMs?: number;
  /** What becomes of the keys that it held. Default "release". */
  readonly behavior?: "release" | "delete";
  /**
   * Checks of its node that end it when they become critical. Default "serfHealth": it ends when the cluster believes its node
   * dead, which may be sooner than any TTL. Empty: only the TTL, or somebody who destroys it, ends it.
   */
  readonly nodeChecks?: readonly string[];
}

export interface Session {
  readonly id: string;
  readonly name: string;
  readonly node: string;
  readonly behavior: "release" | "delete";
  /** Absent: it needs no renewal. */
  readonly ttlMs?: number;
  readonly lockDelayMs: number;
  readonly nodeChecks: readonly string[];
  readonly createIndex: number;
}

const SessionJson = z
  .object({
    ID: z.string().min(1),
    Name: z.string(),
    Node: z.string(),
    Behavior: z.enum(["release", "delete"]),
    TTL: z.string(),
    LockDelay: GoDuration,
    NodeChecks: z.array(z.string()).nullish(),
    CreateIndex: z.int().min(0),
  })
  .transform((json, context): Session => {
    const ttl = json.TTL === "" ? { data: 0 } : GoDuration.safeParse(json.TTL);
    if (ttl.data === undefined) {
      context.addIssue({ code: "custom", message: `TTL ${json.TTL} is no duration` });
      return z.NEVER;
    }
    return {
      id: json.ID,
      name: json.Name,
      node: json.Node,
      behavior: json.Behavior,
      ...(ttl.data === 0 ? {} : { ttlMs: ttl.data }),
      lockDelayMs: json.LockDelay,
      nodeChecks: json.NodeChecks ?? [],
      createIndex: json.CreateIndex,
    };
  });

const Created = z.object({ ID: z.string().min(1) });
const ListJson = z.array(SessionJson).nullable();

/**
 * Creates a session on the agent's node; its id. Rejects with INVALID_ARGUMENT for terms that Consul does not take. An answer
 * that is lost leaves a session that nobody renews. Needs session:write on the node.
 */
export async function createSession(
  http: ConsulHttp,
  terms: SessionTerms = {},
  bounds: CallBounds = {},
): Promise<string> {
  const { name, ttlMs, lockDelayMs, behavior, nodeChecks } = terms;
  const body = {
    ...(name === undefined ? {} : { Name: name }),
    ...(ttlMs === undefined ? {} : { TTL: `${ttlMs}ms` }),
    ...(lockDelayMs === undefined ? {} : { LockDelay: `${lockDelayMs}ms` }),
    ...(behavior === undefined ? {} : { Behavior: behavior }),
    ...(nodeChecks === undefined ? {} : { NodeChecks: nodeChecks }),
  };
  const reply = await http.request({ ...bounds, method: "PUT", path: "/session/create", body });
  if (reply.status !== 200) throw writeRefusal(http, "to create a session", reply);
  return decodeReply(http, Created, reply.text).ID;
}

/** Starts its TTL anew, for which the moment that Consul gets this counts. "gone": it has ended, or never was. */
export async function renewSession(http: ConsulHttp, id: string, bounds: CallBounds = {}): Promise<"renewed" | "gone"> {
  const reply = await http.request({ ...bounds, method: "PUT", path: sessionPath("renew", id) });
  if (reply.status === 404 && NOT_FOUND.test(reply.text)) return "gone";
  if (reply.status !== 200) throw refusal(http, `to renew session ${id}`, reply);
  decodeReply(http, z.array(SessionJson).length(1), reply.text);
  return "renewed";
}

/** Ends it, and succeeds where it has ended. Its keys are given up, after its lock delay. Needs session:write on its node. */
export async function destroySession(http: ConsulHttp, id: string, bounds: CallBounds = {}): Promise<void> {
  const reply = await http.request({ ...bounds, method: "PUT", path: sessionPath("destroy", id) });
  if (reply.status !== 200) throw writeRefusal(http, `to destroy session ${id}`, reply);
}

/** Undefined when there is no such session. Needs session:read on its node. */
export async function sessionInfo(http: ConsulHttp, id: string, bounds: CallBounds = {}): Promise<Session | undefined> {
  const reply = await http.request({ ...bounds, method: "GET", path: sessionPath("info", id) });
  if (reply.status !== 200) throw refusal(http, `session ${id}`, reply);
  return decodeReply(http, ListJson, reply.text)?.[0];
}

/** A proxy's 404 does not say it of a session. */
const NOT_FOUND = /session.+not found/i;

function sessionPath(verb: string, id: string): string {
  return `/session/${verb}/${encodeURIComponent(id)}`;
}
