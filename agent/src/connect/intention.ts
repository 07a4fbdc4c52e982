/**
 * Intentions: who may call whom, in the words of Consul 1.8, where each has an ID of its own.
 * https://developer.hashicorp.com/consul/docs/connect/intentions
 */

/** Every name, or every namespace. */
export const wildcard = "*";
export const defaultNamespace = "default";

export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

/** What its owner says of an intention. */
export interface IntentionDraft {
  readonly description: string;
  readonly source: ServiceName;
  readonly destination: ServiceName;
  readonly sourceType: string;
  /** `allow` or `deny`, once it is valid. */
  readonly action: string;
  /** Of no meaning any more; shown as it came. */
  readonly defaultAddress: string;
  readonly defaultPort: number;
  readonly meta: Readonly<Record<string, string>>;
}

export interface Intention extends IntentionDraft {
  readonly id: string;
  /** Of those that match a pair of services the one with the highest decides. 1 to 9. */
  readonly precedence: number;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly createIndex: number;
  readonly modifyIndex: number;
}

/** The same numbers as Consul's, in bytes. */
const maxTextBytes = 512;
const maxMetaKeyBytes = 128;
const maxMetaPairs = 64;

/** What is wrong with an intention, a sentence each. */
export function faultsOfIntention(draft: IntentionDraft): string[] {
  const { source, destination, description, meta, action, sourceType } = draft;
  const pairs = Object.entries(meta);
  return [
    ...(source.namespace === "" ? ["SourceNS must be set"] : []),
    ...(source.name === "" ? ["SourceName must be set"] : []),
    ...(destination.namespace === "" ? ["DestinationNS must be set"] : []),
    ...(destination.name === "" ? ["DestinationName must be set"] : []),
    ...faultsOfWildcards("Source", source),
    ...faultsOfWildcards("Destination", destination),
    ...(bytes(description) > maxTextBytes ? [`Description exceeds maximum length ${maxTextBytes}`] : []),
    ...(pairs.length > maxMetaPairs ? [`Meta exceeds maximum element count ${maxMetaPairs}`] : []),
    ...pairs.flatMap(faultsOfPair),
    ...(action === "allow" || action === "deny" ? [] : ["Action must be set to 'allow' or 'deny'"]),
    ...(sourceType === "consul" ? [] : ["SourceType must be set to 'consul'"]),
  ];
}

function faultsOfWildcards(side: "Source" | "Destination", { namespace, name }: ServiceName): string[] {
  const partial = "wildcard character '*' cannot be used with partial values";
  const isPartial = (value: string): boolean => value !== wildcard && value.includes(wildcard);
  const follows = namespace === wildcard && name !== wildcard;
  return [
    ...(isPartial(namespace) ? [`${side}NS: ${partial}`] : []),
    ...(isPartial(name) ? [`${side}Name: ${partial}`] : []),
    ...(follows ? [`${side}Name: exact value cannot follow wildcard namespace`] : []),
  ];
}

function faultsOfPair([key, value]: readonly [string, string]): string[] {
  const quoted = JSON.stringify(key);
  return [
    ...(bytes(key) > maxMetaKeyBytes ? [`Meta key ${quoted} exceeds maximum length ${maxMetaKeyBytes}`] : []),
    ...(bytes(value) > maxTextBytes ? [`Meta value for key ${quoted} exceeds maximum length ${maxTextBytes}`] : []),
  ];
}

function bytes(text: string): number {
  return Buffer.byteLength(text);
}

/** What an intention says, or holds where there is none. */
export type Action = "allow" | "deny";

/** An exact destination comes before any wildcard, then an exact source does. */
export function precedenceOf({ source, destination }: IntentionDraft): number {
  return 3 * (exactness(destination) + 1) - (2 - exactness(source));
}

function exactness({ namespace, name }: ServiceName): 0 | 1 | 2 {
  if (namespace === wildcard) return 0;
  return name === wildcard ? 1 : 2;
}

/** Whether an intention decides for a caller; here, and only here, names have case. */
export function isFrom({ source }: Intention, caller: ServiceName): boolean {
  const matches = (written: string, value: string): boolean => written === wildcard || written === value;
  return matches(source.namespace, caller.namespace) && matches(source.name, caller.name);
}

/** For people. */
export function describeIntention({ action, source, destination, id, precedence }: Intention): string {
  const [from, to] = [source, destination].map(({ namespace, name }) => `${namespace}/${name}`);
  return `${action.toUpperCase()} ${from} => ${to} (ID: ${id}, Precedence: ${precedence})`;
}
