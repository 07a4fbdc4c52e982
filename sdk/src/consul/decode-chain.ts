/**
 * Reads a compiled discovery chain, and holds it to what whoever walks it relies on: every name leads somewhere, and no
 * walk goes on for ever.
 */
import { z } from "zod";
import type {
  ChainHashPolicy,
  ChainLoadBalancer,
  ChainNode,
  ChainTarget,
  CompiledChain,
  HeaderChanges,
  RouteDestination,
} from "../routing/compiled-chain.ts";
import type { ConsulHttp } from "./consul-http.ts";
import { chainFault } from "../routing/chain-fault.ts";
import { HttpMatchJson } from "./decode-http-match.ts";
import { decodeReply } from "./decode-reply.ts";
import { GoDuration } from "./go-duration.ts";

const HeaderChangesJson = z
  .object({
    Add: z.record(z.string(), z.string()).nullish(),
    Set: z.record(z.string(), z.string()).nullish(),
    Remove: z.array(z.string()).nullish(),
  })
  .transform(({ Add, Set, Remove }): HeaderChanges => ({ add: Add ?? {}, set: Set ?? {}, remove: Remove ?? [] }));

const DestinationJson = z
  .object({
    PrefixRewrite: z.string().nullish(),
    RequestTimeout: GoDuration.nullish(),
    IdleTimeout: GoDuration.nullish(),
    NumRetries: z.int().nullish(),
    RetryOnConnectFailure: z.boolean().nullish(),
    RetryOn: z.array(z.string()).nullish(),
    RetryOnStatusCodes: z.array(z.int()).nullish(),
    RequestHeaders: HeaderChangesJson.nullish(),
    ResponseHeaders: HeaderChangesJson.nullish(),
  })
  .transform((json): RouteDestination => ({
    ...(json.PrefixRewrite ? { prefixRewrite: json.PrefixRewrite } : {}),
    ...bound("requestTimeoutMs", json.RequestTimeout),
    ...bound("idleTimeoutMs", json.IdleTimeout),
    ...(json.NumRetries ? { retries: json.NumRetries } : {}),
    retryOnConnectFailure: json.RetryOnConnectFailure === true,
    retryOn: json.RetryOn ?? [],
    retryOnStatusCodes: json.RetryOnStatusCodes ?? [],
    ...headerChanges(json),
  }));

const NO_CHANGE: RouteDestination = { retryOnConnectFailure: false, retryOn: [], retryOnStatusCodes: [] };

const RouterJson = z
  .object({
    Type: z.literal("router"),
    Routes: z.array(
      z.object({
        Definition: z
          .object({
            Match: z.object({ HTTP: HttpMatchJson.nullish() }).nullish(),
            Destination: DestinationJson.nullish(),
          })
          .nullish(),
        NextNode: z.string(),
      }),
    ),
  })
  .transform(({ Routes }): ChainNode => ({
    kind: "router",
    routes: Routes.map(({ Definition, NextNode }) => {
      const match = Definition?.Match?.HTTP;
      return { ...(match ? { match } : {}), destination: Definition?.Destination ?? NO_CHANGE, next: NextNode };
    }),
  }));

const SplitterJson = z
  .object({
    Type: z.literal("splitter"),
    Splits: z.array(
      z.object({
        Weight: z.number().min(0),
        NextNode: z.string(),
        Definition: z
          .object({ RequestHeaders: HeaderChangesJson.nullish(), ResponseHeaders: HeaderChangesJson.nullish() })
          .nullish(),
      }),
    ),
  })
  .transform(({ Splits }): ChainNode => ({
    kind: "splitter",
    splits: Splits.map(({ Weight, NextNode, Definition }) => ({
      weight: Weight,
      next: NextNode,
      ...headerChanges(Definition ?? {}),
    })),
  }));

const HashPolicyJson = z
  .object({
    Field: z.string().nullish(),
    FieldValue: z.string().nullish(),
    SourceIP: z.boolean().nullish(),
    Terminal: z.boolean().nullish(),
  })
  .transform((json, context): ChainHashPolicy => {
    const terminal = json.Terminal === true;
    if (json.SourceIP === true) return { source: { kind: "source_ip" }, terminal };
    const { Field, FieldValue } = json;
    if (Field === "header" || Field === "cookie" || Field === "query_parameter") {
      return { source: { kind: Field, name: FieldValue ?? "" }, terminal };
    }
    context.addIssue({ code: "custom", message: `hash policy of field ${JSON.stringify(Field)} is unknown` });
    return z.NEVER;
  });

const LoadBalancerJson = z
  .object({
    Policy: z.string().nullish(),
    RingHashConfig: z
      .object({ MinimumRingSize: z.number().nullish(), MaximumRingSize: z.number().nullish() })
      .nullish(),
    LeastRequestConfig: z.object({ ChoiceCount: z.number().nullish() }).nullish(),
    HashPolicies: z.array(HashPolicyJson).nullish(),
  })
  .transform(({ Policy, RingHashConfig, LeastRequestConfig, HashPolicies }): ChainLoadBalancer => {
    // Go writes 0 for what is not set.
    const [minimum, maximum] = [RingHashConfig?.MinimumRingSize, RingHashConfig?.MaximumRingSize];
    const choices = LeastRequestConfig?.ChoiceCount;
    return {
      policy: Policy ?? "",
      ...(minimum ? { minimumRingSize: minimum } : {}),
      ...(maximum ? { maximumRingSize: maximum } : {}),
      ...(choices ? { choiceCount: choices } : {}),
      hashPolicies: HashPolicies ?? [],
    };
  });

const ResolverJson = z
  .object({
    Type: z.literal("resolver"),
    Resolver: z.object({
      Target: z.string(),
      ConnectTimeout: GoDuration,
      RequestTimeout: GoDuration.nullish(),
      Default: z.boolean().nullish(),
      Failover: z.object({ Targets: z.array(z.string()).nullish() }).nullish(),
    }),
    LoadBalancer: LoadBalancerJson.nullish(),
  })
  .transform(({ Resolver, LoadBalancer }) => ({
    kind: "resolver" as const,
    target: Resolver.Target,
    connectTimeoutMs: Resolver.ConnectTimeout,
    ...bound("requestTimeoutMs", Resolver.RequestTimeout),
    failover: Resolver.Failover?.Targets ?? [],
    ...(LoadBalancer ? { loadBalancer: LoadBalancer } : {}),
    isDefault: Resolver.Default === true,
  }));

const TargetJson = z
  .object({
    ID: z.string(),
    Service: z.string(),
    ServiceSubset: z.string().nullish(),
    Namespace: z.string().nullish(),
    Partition: z.string().nullish(),
    Datacenter: z.string().nullish(),
    Peer: z.string().nullish(),
    MeshGateway: z.object({ Mode: z.string().nullish() }).nullish(),
    Subset: z.object({ Filter: z.string().nullish(), OnlyPassing: z.boolean().nullish() }).nullish(),
    SNI: z.string().nullish(),
  })
  .transform((json): ChainTarget => ({
    id: json.ID,
    service: json.Service,
    ...(json.ServiceSubset ? { subset: json.ServiceSubset } : {}),
    namespace: json.Namespace || DEFAULT_SCOPE,
    partition: json.Partition || DEFAULT_SCOPE,
    datacenter: json.Datacenter ?? "",
    ...(json.Peer ? { peer: json.Peer } : {}),
    ...(json.Subset?.Filter ? { filter: json.Subset.Filter } : {}),
    onlyPassing: json.Subset?.OnlyPassing === true,
    ...(json.MeshGateway?.Mode ? { meshGateway: json.MeshGateway.Mode } : {}),
    ...(json.SNI ? { sni: json.SNI } : {}),
  }));

const DEFAULT_SCOPE = "default";

const ChainJson = z.object({
  Chain: z
    .object({
      ServiceName: z.string(),
      Namespace: z.string().nullish(),
      Partition: z.string().nullish(),
      Datacenter: z.string(),
      Protocol: z.string(),
      Default: z.boolean().nullish(),
      StartNode: z.string(),
      Nodes: z.record(z.string(), z.discriminatedUnion("Type", [RouterJson, SplitterJson, ResolverJson])),
      Targets: z.record(z.string(), TargetJson),
    })
    .transform((json, context): CompiledChain => {
      const start = json.Nodes[json.StartNode];
      const chain: CompiledChain = {
        service: json.ServiceName,
        namespace: json.Namespace || DEFAULT_SCOPE,
        partition: json.Partition || DEFAULT_SCOPE,
        datacenter: json.Datacenter,
        protocol: json.Protocol,
        // 1.8 says it of the resolver alone.
        isDefault: json.Default ?? (start !== undefined && "isDefault" in start && start.isDefault),
        startNode: json.StartNode,
        nodes: new Map(Object.entries(json.Nodes).map(([key, node]) => [key, plain(node)])),
        targets: new Map(Object.entries(json.Targets)),
      };
      const fault = chainFault(chain);
      if (fault === undefined) return chain;
      context.addIssue({ code: "custom", message: fault });
      return z.NEVER;
    }),
});

/** The chain in an answer of /discovery-chain. Throws INTERNAL for an answer that is none or that cannot be walked. */
export function decodeChain(http: ConsulHttp, text: string): CompiledChain {
  return decodeReply(http, ChainJson, text).Chain;
}

function plain(node: ChainNode & { readonly isDefault?: boolean }): ChainNode {
  const { isDefault: _, ...rest } = node;
  return rest;
}

/** 0 stands for what is not set, and from 1.18 less than 0 for no bound. */
function bound<Name extends string>(name: Name, ms: number | null | undefined): { [key in Name]?: number } {
  return ms === undefined || ms === null || ms <= 0 ? {} : ({ [name]: ms } as { [key in Name]: number });
}

function headerChanges(json: {
  readonly RequestHeaders?: HeaderChanges | null | undefined;
  readonly ResponseHeaders?: HeaderChanges | null | undefined;
}) {
  return {
    ...(json.RequestHeaders ? { requestHeaders: json.RequestHeaders } : {}),
    ...(json.ResponseHeaders ? { responseHeaders: json.ResponseHeaders } : {}),
  };
}
