/** Options that are numbers within bounds, checked in one way. */
import { MeshError } from "../call/mesh-error.ts";

export type RangeRule<O> = readonly [name: keyof O & string, least: number, most: number];

/** @throws MeshError INVALID_ARGUMENT that names every option out of range. @param what they are options of. */
export function checkRanges<O extends Readonly<Record<keyof O, number>>>(
  what: string,
  options: O,
  rules: readonly RangeRule<O>[],
): O {
  const faults = rules
    .filter(([name, least, most]) => !(options[name] >= least && options[name] <= most))
    .map(([name, least, most]) => `${name} is ${options[name]}: give ${least} to ${most}`);
  if (faults.length === 0) return options;
  throw new MeshError("INVALID_ARGUMENT", `options of ${what} are wrong: ${faults.join("; ")}`);
}
