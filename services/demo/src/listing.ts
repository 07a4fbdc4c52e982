/**
 * What the registry lists of a service, followed by blocking queries
 * (https://developer.hashicorp.com/consul/api-docs/features/blocking): a change is known when it happens.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { ConsulOptions } from "@meshwork/sdk";
import { ask } from "./registry-http.ts";

export interface Listed {
  /** "greeter-1" */
  readonly id: string;
  /** "host:port", as callers reach it. */
  readonly address: string;
  /** Whether all its checks pass. */
  readonly passing: boolean;
  /** "host:port" of its /metrics, when it has one. */
  readonly admin: string | undefined;
}

const WAIT_S = 30;
/** Consul adds up to a sixteenth to the wait. */
const TIMEOUT_MS = WAIT_S * 1_000 * (1 + 1 / 16) + 5_000;
const ASK_AGAIN_MS = 500;

export class Listing {
  readonly service: string;
  readonly #consul: ConsulOptions;
  readonly #abort = new AbortController();
  readonly #changed: () => void;
  #instances: readonly Listed[] = [];
  #error: string | undefined;

  constructor(consul: ConsulOptions, service: string, changed: () => void) {
    this.#consul = consul;
    this.service = service;
    this.#changed = changed;
    void this.#follow();
  }

  /** As last heard; empty before the first answer. */
  get instances(): readonly Listed[] {
    return this.#instances;
  }

  /** Why the registry cannot be asked now; undefined while it can. */
  get error(): string | undefined {
    return this.#error;
  }

  close(): void {
    this.#abort.abort();
  }

  /** Never rejects. */
  async #follow(): Promise<void> {
    const { signal } = this.#abort;
    let index = "0";
    while (!signal.aborted) {
      try {
        const path = `/v1/health/service/${this.service}?index=${index}&wait=${WAIT_S}s`;
        const reply = await ask(this.#consul, { path, timeoutMs: TIMEOUT_MS, signal });
        if (reply.status !== 200) throw new Error(`answers ${reply.status}`);
        // An index that goes back is that of a registry that has started anew.
        index = Number(reply.index) >= Number(index) ? (reply.index ?? "0") : "0";
        this.#instances = readListing(reply.text);
        this.#error = undefined;
      } catch (error) {
        if (signal.aborted) return;
        this.#error = error instanceof Error ? error.message : String(error);
        index = "0";
        await pause(ASK_AGAIN_MS, undefined, { signal }).catch(() => {});
      }
      this.#changed();
    }
  }
}

interface HealthEntry {
  readonly Node: { readonly Address: string };
  readonly Service: {
    readonly ID: string;
    readonly Address: string;
    readonly Port: number;
    readonly Meta: Readonly<Record<string, string>> | null;
  };
  readonly Checks: readonly { readonly Status: string }[];
}

/** @param text of /v1/health/service. Throws SyntaxError or TypeError when it is none. */
export function readListing(text: string): readonly Listed[] {
  return (JSON.parse(text) as HealthEntry[])
    .map(({ Node, Service, Checks }) => ({
      id: Service.ID,
      address: `${Service.Address === "" ? Node.Address : Service.Address}:${Service.Port}`,
      passing: Checks.every(({ Status }) => Status === "passing"),
      admin: Service.Meta?.["admin"],
    }))
    .sort((a, b) => a.id.localeCompare(b.id));
}
