/** Who may call whom (https://developer.hashicorp.com/consul/api-docs/connect/intentions). */
import { z } from "zod";
import type { Watch } from "../discovery/directory.ts";
import type { HttpMatch } from "../routing/http-match.ts";
import { type Following, watchBlocking } from "./blocking-query.ts";
import { consulFeatures } from "./consul-features.ts";
import { type CallBounds, type ConsulHttp, type ConsulReply, refusal } from "./consul-http.ts";
import { HttpMatchJson } from "./decode-http-match.ts";
import { decodeReply } from "./decode-reply.ts";
import { writeRefusal } from "./write-refusal.ts";

export type IntentionAction = "allow" | "deny";

export interface Intention {
  /** "*" is every service. */
  readonly source: string;
  readonly sourceNamespace: string;
  readonly sourcePartition: string;
  /** The cluster peer that the source is in; absent: this cluster. */
  readonly sourcePeer?: string;
  /** "*" is every service. */
  readonly destination: string;
  readonly destinationNamespace: string;
  readonly destinationPartition: string;
  /** For the whole connection, or for single requests: the first permission that matches decides, and none denies. */
  readonly rule: IntentionAction | readonly IntentionPermission[];
  /** Of those that match a pair of services the one with the highest decides. */
  readonly precedence: number;
  readonly description: string;
  /** Before 1.9, and of intentions that are older. */
  readonly id?: string;
}

export interface IntentionPermission {
  readonly action: IntentionAction;
  readonly match: HttpMatch;
}

/** One to be written. */
export interface IntentionRule {
  readonly source: string;
  readonly destination: string;
  readonly action: IntentionAction;
  readonly description?: string;
}

const Action = z.enum(["allow", "deny"]);

const IntentionJson = z
  .object({
    ID: z.string().nullish(),
    SourceName: z.string(),
    SourceNS: z.string().nullish(),
    SourcePartition: z.string().nullish(),
    SourcePeer: z.string().nullish(),
    DestinationName: z.string(),
    DestinationNS: z.string().nullish(),
    DestinationPartition: z.string().nullish(),
    Action: z.union([Action, z.literal("")]).nullish(),
    Permissions: z.array(z.object({ Action, HTTP: HttpMatchJson.nullish() })).nullish(),
    Precedence: z.number(),
    Description: z.string().nullish(),
  })
  .transform((json, context): Intention => {
    const rule =
      json.Action ||
      json.Permissions?.map((one) => ({ action: one.Action, match: one.HTTP ?? { headers: [], query: [] } }));
    if (rule === undefined) {
      const pair = `${json.SourceName} to ${json.DestinationName}`;
      context.addIssue({ code: "custom", message: `the intention of ${pair} has neither Action nor Permissions` });
      return z.NEVER;
    }
    return {
      source: json.SourceName,
      sourceNamespace: json.SourceNS || DEFAULT_SCOPE,
      sourcePartition: json.SourcePartition || DEFAULT_SCOPE,
      ...(json.SourcePeer ? { sourcePeer: json.SourcePeer } : {}),
      destination: json.DestinationName,
      destinationNamespace: json.DestinationNS || DEFAULT_SCOPE,
      destinationPartition: json.DestinationPartition || DEFAULT_SCOPE,
      rule,
      precedence: json.Precedence,
      description: json.Description ?? "",
      ...(json.ID ? { id: json.ID } : {}),
    };
  });

const DEFAULT_SCOPE = "default";
const ListJson = z.array(IntentionJson).nullable();
const MatchJson = z.record(z.string(), ListJson);

const PATH = "/connect/intentions";

/** Those that the token may read, in the order of precedence. A token that may read none is answered none. */
export async function listIntentions(http: ConsulHttp, bounds: CallBounds = {}): Promise<readonly Intention[]> {
  const reply = await http.request({ ...bounds, method: "GET", path: PATH });
  if (reply.status !== 200) throw refusal(http, "to list intentions", reply);
  return decodeReply(http, ListJson, reply.text) ?? [];
}

/** Follows all of them: the index that /match lacks before 1.9 is here. */
export function watchIntentions(http: ConsulHttp, following: Following<readonly Intention[]>): Watch {
  return watchBlocking(http, {
    ...following,
    path: PATH,
    parse: (text) => decodeReply(http, ListJson, text) ?? [],
  });
}

/**
 * Those that can decide for a service as the called or the calling side, the first that matches deciding. None matches: the
 * ACLs' default policy decides. Needs intentions:read, which service:read on the name implies.
 */
export async function matchIntentions(
  http: ConsulHttp,
  side: "source" | "destination",
  service: string,
  bounds: CallBounds = {},
): Promise<readonly Intention[]> {
  const query = { by: side, name: service };
  const reply = await http.request({ ...bounds, method: "GET", path: `${PATH}/match`, query });
  if (reply.status !== 200) throw refusal(http, `the intentions of ${service}`, reply);
  return Object.values(decodeReply(http, MatchJson, reply.text)).flatMap((list) => list ?? []);
}

/** Creates, or replaces what is there for the same pair. Needs intentions:write on the destination. */
export async function putIntention(http: ConsulHttp, rule: IntentionRule, bounds: CallBounds = {}): Promise<void> {
  const features = await consulFeatures(http, bounds);
  const reply = features.has("intentions by name")
    ? await http.request({ ...bounds, method: "PUT", path: `${PATH}/exact`, query: pairOf(rule), body: bodyOf(rule) })
    : await putById(http, rule, bounds);
  if (reply.status !== 200) throw writeRefusal(http, `the intention of ${rule.source} to ${rule.destination}`, reply);
}

/** Succeeds where there is none. Needs intentions:write on the destination. */
export async function deleteIntention(
  http: ConsulHttp,
  pair: Pick<IntentionRule, "source" | "destination">,
  bounds: CallBounds = {},
): Promise<void> {
  const features = await consulFeatures(http, bounds);
  if (features.has("intentions by name")) {
    const reply = await http.request({ ...bounds, method: "DELETE", path: `${PATH}/exact`, query: pairOf(pair) });
    if (reply.status !== 200 && reply.status !== 404) throw deletionRefused(http, pair, reply);
    return;
  }
  const id = await idOf(http, pair, bounds);
  if (id === undefined) return;
  const reply = await http.request({ ...bounds, method: "DELETE", path: `${PATH}/${id}` });
  if (reply.status !== 200 && !NON_EXISTENT.test(reply.text)) throw deletionRefused(http, pair, reply);
}

/** What 1.8 answers with 500 when somebody else was faster. */
const NON_EXISTENT = /non-existent intention/i;
const DUPLICATE = /duplicate intention/i;
/** Each turn is lost only to somebody who creates or deletes the same pair at the same moment. */
const MAX_TURNS = 3;

async function putById(http: ConsulHttp, rule: IntentionRule, bounds: CallBounds): Promise<ConsulReply> {
  const { source, destination } = rule;
  const body = { SourceName: source, DestinationName: destination, ...bodyOf(rule) };
  let reply: ConsulReply;
  let turns = 0;
  do {
    const id = await idOf(http, rule, bounds);
    const place = id === undefined ? ({ method: "POST", path: PATH } as const) : updateOf(id);
    reply = await http.request({ ...bounds, ...place, body });
    turns++;
  } while (reply.status !== 200 && (DUPLICATE.test(reply.text) || NON_EXISTENT.test(reply.text)) && turns < MAX_TURNS);
  return reply;
}

function updateOf(id: string): { readonly method: "PUT"; readonly path: string } {
  return { method: "PUT", path: `${PATH}/${id}` };
}

async function idOf(
  http: ConsulHttp,
  { source, destination }: Pick<IntentionRule, "source" | "destination">,
  bounds: CallBounds,
): Promise<string | undefined> {
  const all = await listIntentions(http, bounds);
  return all.find((one) => one.source === source && one.destination === destination)?.id;
}

function pairOf({ source, destination }: Pick<IntentionRule, "source" | "destination">): Record<string, string> {
  return { source, destination };
}

function bodyOf({ action, description = "" }: IntentionRule): object {
  return { SourceType: "consul", Action: action, Description: description };
}

function deletionRefused(
  http: ConsulHttp,
  { source, destination }: Pick<IntentionRule, "source" | "destination">,
  reply: ConsulReply,
): Error {
  return writeRefusal(http, `to delete the intention of ${source} to ${destination}`, reply);
}
