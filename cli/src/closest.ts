/** What somebody may have meant: names in the order of their likeness to the one that was written. */

/** All candidates, the most alike first; those equally alike in the order given. Case counts for nothing. */
export function closestFirst(name: string, candidates: readonly string[]): readonly string[] {
  const wanted = name.toLowerCase();
  const distances = new Map(candidates.map((one) => [one, editDistance(wanted, one.toLowerCase())]));
  return [...candidates].sort((a, b) => (distances.get(a) ?? 0) - (distances.get(b) ?? 0));
}

/** Insertions, deletions and changes of one letter that make one text the other (Levenshtein 1966, by rows). */
export function editDistance(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [row, letter] of Array.from(from).entries()) {
    const next = [row + 1];
    for (const [column, other] of Array.from(to).entries()) {
      const changed = (above[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (above[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    above = next;
  }
  return above[to.length] ?? 0;
}
