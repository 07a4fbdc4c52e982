/** The middle of some numbers: what a machine that was busy for a moment does not move. NaN when there are none. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}
