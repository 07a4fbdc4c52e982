/**
 * Random config entries that have something to do with each other: few services, few subsets, and references to all of
 * them, so that chains form, nest, fail over and contradict each other.
 */
import * as fc from "fast-check";

export interface RandomEntry {
  readonly Kind: string;
  readonly Name: string;
  readonly [field: string]: unknown;
}

/** One write: an entry to put, or one to delete. */
export type RandomWrite =
  | { readonly put: RandomEntry }
  | { readonly remove: { readonly kind: string; readonly name: string } };

export const randomServices = ["rc-a", "rc-b", "rc-c", "rc-d"] as const;
/** In the order in which removing them meets the least resistance. */
export const randomKinds = [
  "service-router",
  "service-splitter",
  "service-resolver",
  "service-defaults",
  "proxy-defaults",
] as const;

const service = fc.constantFrom(...randomServices);
const subset = fc.constantFrom("v1", "v2");
const datacenter = fc.constantFrom("dc1", "dc2", "dc3");
const meshGateway = fc.record({ Mode: fc.constantFrom("", "none", "local", "remote") });
/** Routable more often than not: everything else would be refused all the time. */
const protocol = fc.oneof(
  { weight: 12, arbitrary: fc.constant("http") },
  { weight: 3, arbitrary: fc.constantFrom("grpc", "tcp", "", "HTTP") },
);

/** Weights whose products have no more than two decimals: Consul flattens splitters in any order, and rounds each time. */
const weights = fc.constantFrom([100], [50, 50], [30, 70], [10, 20, 70], [0, 100], [90, 10]);

/** Each field now and then. */
function some<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> {
  return fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;
}

function entry(Kind: string, more: fc.Arbitrary<object>): fc.Arbitrary<RandomEntry> {
  return fc.tuple(service, more).map(([Name, content]) => ({ Kind, Name, ...content }));
}

const sometimes = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });

const seldom = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });

const defaults = entry(
  "service-defaults",
  fc.record({
    Protocol: protocol,
    MeshGateway: sometimes(meshGateway),
    ExternalSNI: seldom(fc.constant("outside.example")),
  }),
);

const connectTimeout = fc.constantFrom("0s", "1s", "5s", "1500ms");

/** A resolver that makes sense by itself; whether it does beside the others is for the registry to say. */
const soundResolver = entry(
  "service-resolver",
  fc.subarray(["v1", "v2"], { minLength: 0 }).chain((names) => {
    const own = names.length === 0 ? fc.constant(undefined) : sometimes(fc.constantFrom(...names));
    const elsewhere = fc.oneof(
      fc.record({ Service: service, Datacenters: sometimes(fc.uniqueArray(datacenter, { minLength: 1 })) }),
      fc.record({ Datacenters: fc.uniqueArray(datacenter, { minLength: 1, maxLength: 3 }), ServiceSubset: own }),
      fc.record({ Service: service, ServiceSubset: seldom(subset) }),
    );
    const filters = fc.constantFrom({}, { Filter: "Service.Port == 1" }, { OnlyPassing: true });
    return fc.record({
      Subsets: fc.tuple(...names.map(() => filters)).map((all) => Object.fromEntries(names.map((n, i) => [n, all[i]]))),
      DefaultSubset: own,
      Failover: sometimes(fc.dictionary(fc.constantFrom("*", ...names), elsewhere, { maxKeys: 3 })),
      ConnectTimeout: sometimes(connectTimeout),
    });
  }),
);

const redirect = entry(
  "service-resolver",
  fc.record({
    Redirect: fc.record({ Service: service, ServiceSubset: sometimes(subset), Datacenter: sometimes(datacenter) }),
  }),
);

/** Mostly refused. */
const oddResolver = entry(
  "service-resolver",
  some({
    Subsets: fc.constantFrom({ v1: {} }, { v1: {}, v2: {} }),
    DefaultSubset: subset,
    Redirect: some({
      Service: service,
      ServiceSubset: subset,
      Datacenter: datacenter,
      Namespace: fc.constant("elsewhere"),
    }),
    Failover: fc.dictionary(
      fc.constantFrom("*", "v1", "v2"),
      some({ Service: service, ServiceSubset: subset, Datacenters: fc.array(datacenter, { maxLength: 3 }) }),
      { maxKeys: 2 },
    ),
    ConnectTimeout: connectTimeout,
  }),
);

/** Subsets are named now and then: most of them do not exist. */
const reference = fc.record({
  Service: sometimes(service),
  ServiceSubset: seldom(subset),
});

const splitter = entry(
  "service-splitter",
  weights
    .chain((parts) => fc.tuple(...parts.map((Weight) => reference.map((to) => ({ Weight, ...to })))))
    .map((Splits) => ({ Splits })),
);

const route = fc.record({
  Match: fc.constantFrom(
    { HTTP: { PathPrefix: "/a" } },
    { HTTP: { PathExact: "/b", Methods: ["get"] } },
    {},
    undefined,
  ),
  Destination: sometimes(
    fc.record({
      Service: sometimes(service),
      ServiceSubset: seldom(subset),
      Namespace: seldom(fc.constantFrom("default", "elsewhere")),
      PrefixRewrite: seldom(fc.constant("/c")),
      RequestTimeout: seldom(fc.constantFrom("1s", "250ms")),
    }),
  ),
});

const router = entry("service-router", fc.record({ Routes: fc.array(route, { maxLength: 3 }) }));

const proxyDefaults = fc
  .record({ Config: some({ protocol }), MeshGateway: meshGateway })
  .map((content): RandomEntry => ({ Kind: "proxy-defaults", Name: "global", ...content }));

const put = fc
  .oneof(
    { weight: 3, arbitrary: defaults },
    { weight: 5, arbitrary: soundResolver },
    { weight: 2, arbitrary: redirect },
    { weight: 1, arbitrary: oddResolver },
    { weight: 4, arbitrary: splitter },
    { weight: 3, arbitrary: router },
    { weight: 1, arbitrary: proxyDefaults },
  )
  .map((written): RandomWrite => ({ put: written }));

const remove = fc
  .record({ kind: fc.constantFrom(...randomKinds), name: service })
  .map((removed): RandomWrite => ({ remove: removed }));

/** What makes every service routable, most of the time. */
const start: RandomWrite = { put: { Kind: "proxy-defaults", Name: "global", Config: { protocol: "http" } } };

const maxWrites = 24;

export const randomWrites: fc.Arbitrary<readonly RandomWrite[]> = fc
  .tuple(
    fc.constantFrom([start], [start], [start], []),
    fc.array(fc.oneof({ weight: 6, arbitrary: put }, { weight: 1, arbitrary: remove }), {
      minLength: 4,
      maxLength: maxWrites,
      size: "max",
    }),
  )
  .map(([before, writes]) => [...before, ...writes]);

/** Overrides for a chain. */
export const randomOverrides = some({
  OverrideProtocol: fc.constantFrom("tcp", "http", "grpc"),
  OverrideConnectTimeout: fc.constantFrom("1s", "5s", "9s"),
  OverrideMeshGateway: meshGateway,
});
