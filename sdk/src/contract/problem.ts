/**
 * What is wrong with a contract. Reading one never stops at the first mistake: all of them are gathered, and whoever
 * read the contract (code generator or loader) reports them at once.
 */

export interface ContractProblem {
  /** Full name of the method or service: "greeter.v1.GreeterService.SayHello". */
  readonly subject: string;
  /** The option's field, as the proto file spells it: "retry.max_attempts"; empty when no option is to blame. */
  readonly field: string;
  /** What is wrong and what to write instead; starts with the field. */
  readonly message: string;
}

/** Something read from a contract. With problems, the value is a stand-in that must not be used. */
export interface Checked<T> {
  readonly value: T;
  readonly problems: readonly ContractProblem[];
}

/** The problem as people read it: "greeter.v1.GreeterService.SayHello: retry.max_attempts is 1: ...". */
export function describeProblem(problem: ContractProblem): string {
  return `${problem.subject}: ${problem.message}`;
}
