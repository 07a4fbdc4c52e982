/** Chance as a parameter: a function that draws from [0, 1), so every decision can be replayed from its seed. */
export type Random = () => number;

/**
 * The process's own chance, different in every process. Not Math.random, which puts every number that it draws on the
 * heap, 16 bytes that are collected later; what is drawn here is inlined (`npm run bench -- pick`).
 */
export const systemRandom: Random = seededRandom(Math.floor(Math.random() * 2 ** 32));

/** A repeatable sequence from a seed (mulberry32, Tommy Ettinger's public-domain generator). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
