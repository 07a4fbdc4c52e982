/** Draws from distributions, by inversion or Box and Muller. */

export function normal(chance: () => number, mean: number, deviation: number): number {
  return mean + deviation * Math.sqrt(-2 * Math.log(1 - chance())) * Math.cos(2 * Math.PI * chance());
}

export function lognormal(chance: () => number, median: number, sigma: number): number {
  return median * Math.exp(normal(chance, 0, sigma));
}

export function exponential(chance: () => number, mean: number): number {
  return -Math.log(1 - chance()) * mean;
}
