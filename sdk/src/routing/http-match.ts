/**
 * What a request must be like to match, in the words of Consul's service-router and service-intentions
 * (https://developer.hashicorp.com/consul/docs/connect/config-entries/service-router). A gRPC call is the request POST
 * /package.Service/Method; its metadata are the headers.
 */

export interface HttpMatch {
  /** Absent: any path. */
  readonly path?: PathMatch;
  /** Absent: any method. */
  readonly methods?: readonly string[];
  /** All must match. */
  readonly headers: readonly ValueMatch[];
  /** Parameters of the query, which gRPC has none of; all must match. */
  readonly query: readonly ValueMatch[];
}

export interface PathMatch {
  readonly kind: "exact" | "prefix" | "regex";
  /** A regular expression is one of RE2 and is held against the whole path. */
  readonly value: string;
  /** Absent: false. */
  readonly caseInsensitive?: boolean;
}

/** A header or parameter: whether it is there, or what it holds. */
export type ValueMatch = {
  readonly name: string;
  /** Matches what does not match. Absent: false. */
  readonly invert?: boolean;
  /** Absent: false. */
  readonly caseInsensitive?: boolean;
} & (
  | { readonly kind: "present" }
  | { readonly kind: "exact" | "prefix" | "suffix" | "contains" | "regex"; readonly value: string }
);
