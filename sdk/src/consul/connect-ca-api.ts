/**
 * The mesh's certificate authority by way of the agent: its roots, and a certificate for a service with the SPIFFE id
 * spiffe://<trust domain>/ns/<namespace>/dc/<datacenter>/svc/<service>
 * (https://developer.hashicorp.com/consul/api-docs/agent/connect).
 *
 * A leaf is made when it is first asked for; no service need be registered. The agent keeps it, with its private key, per
 * service and token, and answers all who ask with the same one until it renews it: long before it expires, and within 30 s
 * after the authority's root has changed. Both queries block like any other, woken by a renewal; their index has nothing to
 * do with that of other endpoints, and an agent that restarts makes a new leaf. An error says nothing about the leaf in
 * use: it stays good until its own validBefore.
 */
import { z } from "zod";
import type { Watch } from "../discovery/directory.ts";
import { type Following, watchBlocking } from "./blocking-query.ts";
import { type CallBounds, type ConsulHttp, refusal } from "./consul-http.ts";
import { decodeReply } from "./decode-reply.ts";

export interface CaRoots {
  /** Host of every SPIFFE id of this mesh: "<uuid>.consul". */
  readonly trustDomain: string;
  readonly activeRootId: string;
  /** All are to be trusted: one that is no longer active has signed leaves that are still in use. */
  readonly roots: readonly CaRoot[];
}

export interface CaRoot {
  readonly id: string;
  readonly name: string;
  /** PEM. */
  readonly certificate: string;
  /** PEM; certificates between the root and its leaves. */
  readonly intermediates: readonly string[];
  /** Whether it signs now. */
  readonly active: boolean;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

export interface CaLeaf {
  /** "0b:1f", as authorize() takes it. */
  readonly serialNumber: string;
  /** PEM: the leaf, then what leads to a root, such as a new root that the old one has signed. To be sent as a whole. */
  readonly certificates: string;
  /** PEM. Secret. */
  readonly privateKey: string;
  readonly service: string;
  /** "spiffe://…" */
  readonly uri: string;
  /** Milliseconds since 1970; a minute before it was made, for clocks that are late. */
  readonly validAfter: number;
  /** Milliseconds since 1970; 72 h later unless the authority is told otherwise. */
  readonly validBefore: number;
}

const Instant = z.string().transform((text, context) => {
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  context.addIssue({ code: "custom", message: `${JSON.stringify(text)} is no time` });
  return z.NEVER;
});

const Pem = z.string().regex(/-----BEGIN [A-Z ]+-----/, "expected PEM");

const RootsJson = z
  .object({
    ActiveRootID: z.string(),
    TrustDomain: z.string().min(1),
    Roots: z.array(
      z.object({
        ID: z.string(),
        Name: z.string(),
        RootCert: Pem,
        IntermediateCerts: z.array(Pem).nullish(),
        Active: z.boolean(),
        NotAfter: Instant,
      }),
    ),
  })
  .transform(({ ActiveRootID, TrustDomain, Roots }): CaRoots => ({
    trustDomain: TrustDomain,
    activeRootId: ActiveRootID,
    roots: Roots.map(({ ID, Name, RootCert, IntermediateCerts, Active, NotAfter }) => ({
      id: ID,
      name: Name,
      certificate: RootCert,
      intermediates: IntermediateCerts ?? [],
      active: Active,
      notAfter: NotAfter,
    })),
  }));

const LeafJson = z
  .object({
    SerialNumber: z.string(),
    CertPEM: Pem,
    PrivateKeyPEM: Pem,
    Service: z.string(),
    ServiceURI: z.string().startsWith("spiffe://"),
    ValidAfter: Instant,
    ValidBefore: Instant,
  })
  .transform((json): CaLeaf => ({
    serialNumber: json.SerialNumber,
    certificates: json.CertPEM,
    privateKey: json.PrivateKeyPEM,
    service: json.Service,
    uri: json.ServiceURI,
    validAfter: json.ValidAfter,
    validBefore: json.ValidBefore,
  }));

const ROOTS_PATH = "/agent/connect/ca/roots";

/** Needs no permission. */
export async function caRoots(http: ConsulHttp, bounds: CallBounds = {}): Promise<CaRoots> {
  const reply = await http.request({ ...bounds, method: "GET", path: ROOTS_PATH });
  if (reply.status !== 200) throw refusal(http, "the roots of the mesh", reply);
  return decodeReply(http, RootsJson, reply.text);
}

export function watchCaRoots(http: ConsulHttp, following: Following<CaRoots>): Watch {
  return watchBlocking(http, {
    ...following,
    path: ROOTS_PATH,
    parse: (text) => decodeReply(http, RootsJson, text),
  });
}

/** The certificate of a service. Needs service:write on its name. */
export async function caLeaf(http: ConsulHttp, service: string, bounds: CallBounds = {}): Promise<CaLeaf> {
  const reply = await http.request({ ...bounds, method: "GET", path: leafPath(service) });
  if (reply.status !== 200) throw refusal(http, `a certificate for ${service}`, reply);
  return decodeReply(http, LeafJson, reply.text);
}

export function watchCaLeaf(http: ConsulHttp, service: string, following: Following<CaLeaf>): Watch {
  return watchBlocking(http, {
    ...following,
    path: leafPath(service),
    parse: (text) => decodeReply(http, LeafJson, text),
  });
}

function leafPath(service: string): string {
  return `/agent/connect/ca/leaf/${encodeURIComponent(service)}`;
}
