/**
 * Consul's config entries, in Consul's own words (https://developer.hashicorp.com/consul/docs/connect/config-entries): they
 * are written by people who read its pages. Fields that are not named here are kept as they came, so that an entry can be
 * read, changed and written without loss.
 */
import { z } from "zod";

const Header = z.looseObject({
  Name: z.string(),
  Present: z.boolean().optional(),
  Exact: z.string().optional(),
  Prefix: z.string().optional(),
  Suffix: z.string().optional(),
  Regex: z.string().optional(),
  Invert: z.boolean().optional(),
});

const HttpMatch = z.looseObject({
  PathExact: z.string().optional(),
  PathPrefix: z.string().optional(),
  PathRegex: z.string().optional(),
  Methods: z.array(z.string()).nullish(),
  Header: z.array(Header).nullish(),
  /** From 1.18. */
  CaseInsensitive: z.boolean().optional(),
});

const HeaderModifiers = z.looseObject({
  Add: z.record(z.string(), z.string()).nullish(),
  Set: z.record(z.string(), z.string()).nullish(),
  Remove: z.array(z.string()).nullish(),
});

const common = {
  Name: z.string(),
  /** Enterprise only. */
  Namespace: z.string().optional(),
  /** Enterprise only, from 1.11. */
  Partition: z.string().optional(),
  Meta: z.record(z.string(), z.string()).nullish(),
};

const ServiceDefaults = z.looseObject({
  Kind: z.literal("service-defaults"),
  ...common,
  /** "tcp", "http", "http2" or "grpc"; routes and splits need one of the last three. */
  Protocol: z.string().optional(),
  ExternalSNI: z.string().optional(),
});

const ProxyDefaults = z.looseObject({
  Kind: z.literal("proxy-defaults"),
  ...common,
  /** protocol is that of services without service-defaults. */
  Config: z.record(z.string(), z.unknown()).nullish(),
});

const ServiceRouter = z.looseObject({
  Kind: z.literal("service-router"),
  ...common,
  Routes: z
    .array(
      z.looseObject({
        Match: z.looseObject({ HTTP: HttpMatch.nullish() }).nullish(),
        Destination: z
          .looseObject({
            Service: z.string().optional(),
            ServiceSubset: z.string().optional(),
            PrefixRewrite: z.string().optional(),
            /** "2s" */
            RequestTimeout: z.string().optional(),
            NumRetries: z.number().optional(),
            RetryOnConnectFailure: z.boolean().optional(),
            RetryOnStatusCodes: z.array(z.number()).nullish(),
            /** From 1.14. */
            RetryOn: z.array(z.string()).nullish(),
            /** From 1.11. */
            RequestHeaders: HeaderModifiers.nullish(),
            /** From 1.11. */
            ResponseHeaders: HeaderModifiers.nullish(),
          })
          .nullish(),
      }),
    )
    .nullish(),
});

const ServiceSplitter = z.looseObject({
  Kind: z.literal("service-splitter"),
  ...common,
  Splits: z.array(
    z.looseObject({
      /** Percent; all together 100. */
      Weight: z.number(),
      Service: z.string().optional(),
      ServiceSubset: z.string().optional(),
      /** From 1.11. */
      RequestHeaders: HeaderModifiers.nullish(),
      /** From 1.11. */
      ResponseHeaders: HeaderModifiers.nullish(),
    }),
  ),
});

const ServiceResolver = z.looseObject({
  Kind: z.literal("service-resolver"),
  ...common,
  DefaultSubset: z.string().optional(),
  Subsets: z
    .record(z.string(), z.looseObject({ Filter: z.string().optional(), OnlyPassing: z.boolean().optional() }))
    .nullish(),
  Redirect: z
    .looseObject({
      Service: z.string().optional(),
      ServiceSubset: z.string().optional(),
      Namespace: z.string().optional(),
      Datacenter: z.string().optional(),
    })
    .nullish(),
  /** By subset; "*" is any. */
  Failover: z
    .record(
      z.string(),
      z.looseObject({
        Service: z.string().optional(),
        ServiceSubset: z.string().optional(),
        Datacenters: z.array(z.string()).nullish(),
        /** From 1.14. */
        Targets: z.array(z.looseObject({})).nullish(),
      }),
    )
    .nullish(),
  /** "3s" */
  ConnectTimeout: z.string().optional(),
  /** "30s"; from 1.15.1. */
  RequestTimeout: z.string().optional(),
  /** From 1.9. */
  LoadBalancer: z.looseObject({ Policy: z.string().optional() }).nullish(),
});

/** From 1.9. */
const ServiceIntentions = z.looseObject({
  Kind: z.literal("service-intentions"),
  ...common,
  Sources: z
    .array(
      z.looseObject({
        Name: z.string(),
        Namespace: z.string().optional(),
        Action: z.enum(["allow", "deny", ""]).optional(),
        Permissions: z.array(z.looseObject({ Action: z.enum(["allow", "deny"]), HTTP: HttpMatch.nullish() })).nullish(),
        Description: z.string().optional(),
      }),
    )
    .nullish(),
});

/** By kind, the form of an entry. */
export const CONFIG_ENTRY_FORMS = {
  "service-defaults": ServiceDefaults,
  "proxy-defaults": ProxyDefaults,
  "service-router": ServiceRouter,
  "service-splitter": ServiceSplitter,
  "service-resolver": ServiceResolver,
  "service-intentions": ServiceIntentions,
} as const;

export type ConfigEntryKind = keyof typeof CONFIG_ENTRY_FORMS;

/** An entry of one kind, for example ConfigEntry<"service-router">. */
export type ConfigEntry<Kind extends ConfigEntryKind = ConfigEntryKind> = {
  [key in Kind]: z.infer<(typeof CONFIG_ENTRY_FORMS)[key]>;
}[Kind];
