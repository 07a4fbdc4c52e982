/** How a greeter is told to be. */
export interface Health {
  /** How many times as long its work takes. */
  readonly slowness: number;
  /** Whether it fails every call at once. */
  readonly failing: boolean;
}
