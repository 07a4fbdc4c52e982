/** What is worth counting of coordination. */
export interface CoordinationObserver {
  /** Something is held, or no longer. kind: "lock", "leader" or "semaphore". */
  held(kind: HeldKind, name: string): void;
  ended(kind: HeldKind, name: string, end: "released" | "lost"): void;
  settings(prefix: string): SettingsObserver;
}

export type HeldKind = "lock" | "leader" | "semaphore";

export interface SettingsObserver {
  /** The store was asked with success. */
  confirmed(): void;
  /** So many settings hold a value that cannot be used. */
  faults(count: number): void;
  closed(): void;
}

export const UNOBSERVED: CoordinationObserver = {
  held: () => {},
  ended: () => {},
  settings: () => ({ confirmed: () => {}, faults: () => {}, closed: () => {} }),
};
