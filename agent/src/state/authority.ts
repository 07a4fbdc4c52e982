/**
 * The mesh's certificate authority: its roots, the leaves that are in use, and when both are replaced. Everything is
 * secret to this process and gone when it ends.
 * https://developer.hashicorp.com/consul/docs/connect/ca
 */
import { isDeepStrictEqual } from "node:util";
import type { Cancel, Clock } from "../clock.ts";
import {
  type AuthorityConfig,
  type AuthoritySettings,
  initialConfig,
  readSettings,
} from "../connect/authority-config.ts";
import { authorityKeys } from "../connect/authority-keys.ts";
import type { IssueCertificate } from "../connect/certificate-content.ts";
import { type Leaf, makeLeaf } from "../connect/leaf.ts";
import { makeRoot, type Root, type SigningRoot } from "../connect/root.ts";
import { compare } from "./compare.ts";
import { firstIndex, type Journal } from "./journal.ts";

/** Topics to watch. */
export const authorityTopics = {
  roots: "connect roots",
  leaf: (service: string): string => `connect leaf ${service}`,
} as const;

/** All leaves are replaced within this time of a new root, each at a moment of its own. */
export const rotationSpreadMs = 30_000;
/** A leaf is renewed somewhere between these fractions of its life. */
export const renewal = { from: 0.6, to: 0.9 } as const;
/** A leaf is kept for so long at least: lives that nobody checked (SkipValidate) may be over when they begin. */
export const minRenewalMs = 1_000;
/** A root that signs no more is trusted for so many times the life of a leaf. */
export const retiredRootLives = 2;

export interface AuthorityRoom {
  readonly journal: Journal;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly datacenter: string;
  readonly trustDomain: string;
  readonly issue: IssueCertificate;
}

interface Indexed {
  readonly createIndex: number;
  readonly modifyIndex: number;
}

interface KeptLeaf {
  readonly leaf: IndexedLeaf;
  readonly cancel: Cancel;
}

export type IndexedRoot = Root & Indexed & { readonly active: boolean };
export type IndexedLeaf = Leaf & Indexed;

export class Authority {
  readonly #room: AuthorityRoom;
  readonly #leaves = new Map<string, KeptLeaf>();
  readonly #retired = new Map<string, { readonly root: IndexedRoot; readonly cancel: Cancel }>();
  #config: AuthorityConfig & Indexed = { ...initialConfig, createIndex: firstIndex, modifyIndex: firstIndex };
  #settings: AuthoritySettings = readSettings(initialConfig);
  #signing: SigningRoot;
  #signingCreateIndex = firstIndex;
  /** Of the last change to the set of roots. */
  #rootsIndex = firstIndex;
  #lastSerialNumber = 0;

  constructor(room: AuthorityRoom) {
    this.#room = room;
    this.#signing = this.#makeRoot(this.#settings, undefined);
  }

  get config(): AuthorityConfig & Indexed {
    return this.#config;
  }

  /** The index of queries about the roots, whom a new configuration wakes too. */
  get rootsIndex(): number {
    return Math.max(this.#rootsIndex, this.#config.modifyIndex);
  }

  get activeRootId(): string {
    return this.#signing.root.id;
  }

  /** By ID. */
  roots(): IndexedRoot[] {
    const indexes = { createIndex: this.#signingCreateIndex, modifyIndex: this.#rootsIndex };
    const signing = { ...this.#signing.root, ...indexes, active: true };
    const retired = [...this.#retired.values()].map(({ root }) => ({ ...root, modifyIndex: this.#rootsIndex }));
    return [signing, ...retired].sort((a, b) => compare(a.id, b.id));
  }

  /**
   * Another configuration. A key that is not the one in use makes a new root, which takes over at once.
   *
   * @throws AuthorityConfigError, UnsupportedAuthorityError when it cannot be; nothing changes then.
   */
  configure(next: AuthorityConfig): void {
    const { provider, config } = this.#config;
    if (provider === next.provider && isDeepStrictEqual(config, next.config)) return;
    const settings = readSettings(next);
    const isRotation = settings.key.written !== this.#settings.key.written;
    const signing = isRotation ? this.#makeRoot(settings, this.#signing) : undefined;
    const index = this.#room.journal.advance();
    this.#config = { ...next, createIndex: this.#config.createIndex, modifyIndex: index };
    this.#settings = settings;
    if (signing !== undefined) this.#rotate(signing, index);
    this.#room.journal.announce([authorityTopics.roots]);
  }

  /** The leaf of a service; all who ask get the same until it is renewed. */
  leaf(service: string): IndexedLeaf {
    return this.#leaves.get(service)?.leaf ?? this.#issue(service);
  }

  /** Stops every timer. */
  close(): void {
    for (const { cancel } of [...this.#leaves.values(), ...this.#retired.values()]) cancel();
  }

  #rotate(signing: SigningRoot, index: number): void {
    const { clock, random } = this.#room;
    const { root } = this.#signing;
    const retired = { ...root, createIndex: this.#signingCreateIndex, modifyIndex: index, active: false };
    const cancel = clock.after(retiredRootLives * this.#settings.leafTtlMs, () => this.#forgetRoot(root.id));
    this.#retired.set(root.id, { root: retired, cancel });
    this.#signing = signing;
    this.#signingCreateIndex = index;
    this.#rootsIndex = index;
    for (const { leaf } of this.#leaves.values()) this.#keep(leaf, random() * rotationSpreadMs);
  }

  #forgetRoot(id: string): void {
    const { journal } = this.#room;
    this.#retired.delete(id);
    this.#rootsIndex = journal.advance();
    journal.announce([authorityTopics.roots]);
  }

  #makeRoot({ key }: AuthoritySettings, before: SigningRoot | undefined): SigningRoot {
    const { clock, trustDomain, issue } = this.#room;
    return makeRoot({
      keys: authorityKeys(key),
      trustDomain,
      nowMs: clock.wallMs(),
      nextSerialNumber: () => this.#nextSerialNumber(),
      before,
      issue,
    });
  }

  #issue(service: string): IndexedLeaf {
    const { journal, clock, random, trustDomain, datacenter, issue } = this.#room;
    const nowMs = clock.wallMs();
    const order = { service, trustDomain, datacenter, nowMs, ttlMs: this.#settings.leafTtlMs, issue };
    const made = makeLeaf({ ...order, serialNumber: this.#nextSerialNumber() }, this.#signing);
    const index = journal.advance();
    const leaf = { ...made, createIndex: index, modifyIndex: index };
    const { from, to } = renewal;
    const renewAtMs = leaf.validAfterMs + this.#settings.leafTtlMs * (from + random() * (to - from));
    this.#keep(leaf, Math.max(minRenewalMs, renewAtMs - nowMs));
    return leaf;
  }

  #keep(leaf: IndexedLeaf, forMs: number): void {
    const { service } = leaf;
    this.#leaves.get(service)?.cancel();
    this.#leaves.set(service, { leaf, cancel: this.#room.clock.after(forMs, () => this.#renew(service)) });
  }

  /** A leaf that nobody waits for is forgotten: whoever asks next gets a new one. */
  #renew(service: string): void {
    const { journal } = this.#room;
    const topic = authorityTopics.leaf(service);
    this.#leaves.delete(service);
    if (!journal.isWatched(topic)) return;
    this.#issue(service);
    journal.announce([topic]);
  }

  #nextSerialNumber(): number {
    this.#lastSerialNumber += 1;
    return this.#lastSerialNumber;
  }
}
