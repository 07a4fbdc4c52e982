/** The targets of one compilation: each set of instances once, however many ways lead to it. */
import type { MeshGateway, Subset } from "../config-entries/config-entry.ts";
import { defaultNamespace, type Target } from "./chain.ts";

/** A target while what is known of it grows. */
export interface WorkingTarget extends Target {
  meshGateway: MeshGateway;
  subset: Subset;
  external: boolean;
  sni: string;
}

/** What to change of a target; empty fields change nothing. */
export interface Rewrite {
  readonly service?: string;
  readonly serviceSubset?: string;
  readonly namespace?: string;
  readonly datacenter?: string;
}

export class Targets {
  readonly #datacenter: string;
  readonly #trustDomain: string;
  readonly #known = new Map<string, WorkingTarget>();
  readonly #retained = new Map<string, WorkingTarget>();

  constructor(datacenter: string, trustDomain: string) {
    this.#datacenter = datacenter;
    this.#trustDomain = trustDomain;
  }

  /** Empty for the default namespace and the chain's own datacenter. */
  of(service: string, serviceSubset: string, namespace: string, datacenter = ""): WorkingTarget {
    const where = {
      namespace: namespace === "" ? defaultNamespace : namespace,
      datacenter: datacenter === "" ? this.#datacenter : datacenter,
    };
    const prefix = serviceSubset === "" ? "" : `${serviceSubset}.`;
    const id = `${prefix}${service}.${where.namespace}.${where.datacenter}`;
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const sni = `${id}.internal.${this.#trustDomain}`;
    const target: WorkingTarget = {
      id,
      service,
      serviceSubset,
      ...where,
      meshGateway: { mode: "" },
      subset: { filter: "", onlyPassing: false },
      external: false,
      sni,
      name: sni,
    };
    this.#known.set(id, target);
    return target;
  }

  /** The target with some of it changed. Another service's subsets are others: the target's own is dropped. */
  rewritten(target: WorkingTarget, rewrite: Rewrite): WorkingTarget {
    const service = rewrite.service || target.service;
    const kept = service === target.service ? target.serviceSubset : "";
    const serviceSubset = rewrite.serviceSubset || kept;
    return this.of(
      service,
      serviceSubset,
      rewrite.namespace || target.namespace,
      rewrite.datacenter || target.datacenter,
    );
  }

  /** Only targets that a node leads to stay in the chain. */
  retain(target: WorkingTarget): void {
    this.#retained.set(target.id, target);
  }

  retained(): ReadonlyMap<string, Target> {
    return this.#retained;
  }
}
