/**
 * Whether a history of concurrent operations could have been one after the other: the search of Wing and Gong ("Testing and
 * Verifying Concurrent Objects", 1993), which tries every order that real time allows, with Lowe's memory of what was tried
 * ("Testing for Linearizability", 2017).
 */

export interface Operation<Op> {
  readonly op: Op;
  readonly calledAt: number;
  /** Infinity: no answer came, so it may have happened at any time since, or never. */
  readonly returnedAt: number;
}

/** What an operation does to a state, were it alone; undefined when it could not have answered so. */
export type Model<State, Op> = (state: State, op: Op) => State | undefined;

/** An order that explains the history, of those operations that have happened; undefined when there is none. At most 60 of them. */
export function linearize<State, Op>(
  history: readonly Operation<Op>[],
  initial: State,
  step: Model<State, Op>,
): readonly Operation<Op>[] | undefined {
  if (history.length > 60) throw new RangeError(`${history.length} operations are too many to search`);
  const answered = history.filter(({ returnedAt }) => returnedAt !== Infinity).length;
  const tried = new Set<string>();
  const order: Operation<Op>[] = [];

  const search = (state: State, left: readonly Operation<Op>[], due: number): boolean => {
    if (due === 0) return true;
    const key = `${JSON.stringify(state)} ${left.map((one) => history.indexOf(one)).join()}`;
    if (tried.has(key)) return false;
    tried.add(key);
    // Whatever has been called only after another had returned comes after that one.
    const firstReturn = Math.min(...left.map(({ returnedAt }) => returnedAt));
    for (const one of left) {
      if (one.calledAt > firstReturn) continue;
      const after = step(state, one.op);
      if (after === undefined) continue;
      order.push(one);
      const rest = left.filter((other) => other !== one);
      if (search(after, rest, one.returnedAt === Infinity ? due : due - 1)) return true;
      order.pop();
    }
    return false;
  };
  return search(initial, history, answered) ? order : undefined;
}
