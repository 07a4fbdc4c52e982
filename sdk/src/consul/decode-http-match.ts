/** Reads what a request must be like, as routers and intentions write it; fields that are empty or missing say nothing. */
import { z } from "zod";
import type { HttpMatch, PathMatch, ValueMatch } from "../routing/http-match.ts";

const ValueMatchJson = z
  .object({
    Name: z.string(),
    Present: z.boolean().nullish(),
    Exact: z.string().nullish(),
    Prefix: z.string().nullish(),
    Suffix: z.string().nullish(),
    Contains: z.string().nullish(),
    Regex: z.string().nullish(),
    Invert: z.boolean().nullish(),
    IgnoreCase: z.boolean().nullish(),
  })
  .transform((json, context): ValueMatch => {
    const { Name, Exact, Prefix, Suffix, Contains, Regex } = json;
    const common = {
      name: Name,
      ...(json.Invert === true ? { invert: true } : {}),
      ...(json.IgnoreCase === true ? { caseInsensitive: true } : {}),
    };
    if (Exact) return { ...common, kind: "exact", value: Exact };
    if (Prefix) return { ...common, kind: "prefix", value: Prefix };
    if (Suffix) return { ...common, kind: "suffix", value: Suffix };
    if (Contains) return { ...common, kind: "contains", value: Contains };
    if (Regex) return { ...common, kind: "regex", value: Regex };
    if (json.Present === true) return { ...common, kind: "present" };
    // Taking a kind of match that we do not know for one that always holds would let everything through.
    context.addIssue({ code: "custom", message: `the match of ${Name} is of a kind that this version does not know` });
    return z.NEVER;
  });

/** Also what an intention's permission holds. */
export const HttpMatchJson = z
  .object({
    PathExact: z.string().nullish(),
    PathPrefix: z.string().nullish(),
    PathRegex: z.string().nullish(),
    CaseInsensitive: z.boolean().nullish(),
    Methods: z.array(z.string()).nullish(),
    Header: z.array(ValueMatchJson).nullish(),
    QueryParam: z.array(ValueMatchJson).nullish(),
  })
  .transform((json): HttpMatch => {
    const path = pathOf(json);
    return {
      ...(path === undefined ? {} : { path }),
      ...(json.Methods && json.Methods.length > 0 ? { methods: json.Methods } : {}),
      headers: json.Header ?? [],
      query: json.QueryParam ?? [],
    };
  });

interface PathJson {
  readonly PathExact?: string | null | undefined;
  readonly PathPrefix?: string | null | undefined;
  readonly PathRegex?: string | null | undefined;
  readonly CaseInsensitive?: boolean | null | undefined;
}

function pathOf({ PathExact, PathPrefix, PathRegex, CaseInsensitive }: PathJson): PathMatch | undefined {
  const manner = CaseInsensitive === true ? { caseInsensitive: true } : {};
  if (PathExact) return { kind: "exact", value: PathExact, ...manner };
  if (PathPrefix) return { kind: "prefix", value: PathPrefix, ...manner };
  if (PathRegex) return { kind: "regex", value: PathRegex, ...manner };
  return undefined;
}
