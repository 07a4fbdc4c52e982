/** Criticality of a call (Site Reliability Engineering, chapter 21): which go first when not all can be served. */
export const CRITICALITIES = ["CRITICAL", "DEFAULT", "SHEDDABLE", "BATCH"] as const;

export type Criticality = (typeof CRITICALITIES)[number];

/** The metadata key that carries it; absent means DEFAULT. */
export const CRITICALITY_KEY = "mesh-criticality";

export function parseCriticality(text: string | undefined): Criticality {
  const upper = text?.toUpperCase();
  return CRITICALITIES.find((one) => one === upper) ?? "DEFAULT";
}
