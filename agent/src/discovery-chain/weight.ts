/** Weights of a split: percent in steps of 0.01, computed in 32 bits as Consul does, so that both round alike. */

/** Hundredths of a percent, halves away from zero. */
export function weightUnits(weight: number): number {
  const units = Math.fround(weight * 100);
  return Math.sign(units) * Math.round(Math.abs(units));
}

/** The nearest weight that has no more than two decimals. */
export function normalizedWeight(weight: number): number {
  return Math.fround(Math.fround(weightUnits(weight)) / 100);
}

/** The part of a part. */
export function nestedWeight(outer: number, inner: number): number {
  return normalizedWeight(Math.fround(Math.fround(outer * inner) / 100));
}
