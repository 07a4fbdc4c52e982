/** What the demo can be told on its command line, checked at once: every fault is named before anything starts. */

/** Calls for a while, kills a greeter on the way and shows what callers notice. */
export interface ShowOptions {
  readonly kind: "show";
  /** Calls per second. */
  readonly rate: number;
  /** Seconds of calls; undefined: until it is told to end. */
  readonly seconds: number | undefined;
  /** Seconds of calls before a greeter is killed; undefined: none is. */
  readonly killAfterSeconds: number | undefined;
}

/** Makes a number of calls, kills nothing and says how they went. */
export interface MeasureOptions {
  readonly kind: "measure";
  readonly rate: number;
  readonly calls: number;
  readonly json: boolean;
}

export type DemoOptions = ShowOptions | MeasureOptions | { readonly kind: "help" };

/** The command line is wrong; the message has a line for each fault. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const DEFAULT_SHOW_RATE = 100;
/** Faster than the show, which people watch: programs wait for this one. */
export const DEFAULT_MEASURE_RATE = 200;
export const DEFAULT_KILL_AFTER_SECONDS = 5;

interface NumberRange {
  readonly what: string;
  readonly least: number;
  readonly most: number;
  readonly whole: boolean;
}

const NUMBERS = {
  rate: { what: "calls per second", least: 1, most: 5_000, whole: false },
  seconds: { what: "seconds", least: 0.1, most: 86_400, whole: false },
  calls: { what: "calls", least: 1, most: 1_000_000, whole: true },
  "kill-after": { what: "seconds", least: 0.1, most: 86_400, whole: false },
} as const satisfies Readonly<Record<string, NumberRange>>;

const FLAGS = ["json", "no-kill", "help"] as const;

type NumberName = keyof typeof NUMBERS;
type FlagName = (typeof FLAGS)[number];

export const HELP = `Runs three greeters and two translators as processes of their own and calls them.

  npm run demo                          watch it; Ctrl-C ends it
  npm run demo -- --rate 200 --seconds 15
  npm run -s demo -- --calls 300 --json

  --rate n         calls per second, ${range(NUMBERS.rate)}; default ${DEFAULT_SHOW_RATE}, with --calls ${DEFAULT_MEASURE_RATE}
  --seconds n      end after n seconds of calls; default: when told to
  --kill-after n   kill a greeter after n seconds of calls; default ${DEFAULT_KILL_AFTER_SECONDS}
  --no-kill        kill none
  --calls n        make n calls, kill none, say how they went
  --json           with --calls: say it as one line of JSON on standard output
  --help           this

Instances register with the Consul at CONSUL_HTTP_ADDR (default 127.0.0.1:8500) if one answers there, else with an agent
that the demo brings along. Their logs are at MESH_LOG_LEVEL, default warn, and shown when one of them fails.`;

/** Throws UsageError. */
export function parseOptions(args: readonly string[]): DemoOptions {
  const faults: string[] = [];
  const numbers = new Map<NumberName, number>();
  const flags = new Set<FlagName>();
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, name = "", inline] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (isFlag(name)) {
      if (inline === undefined) flags.add(name);
      else faults.push(`--${name} takes no value: leave ${JSON.stringify(inline)} out`);
    } else if (isNumber(name)) {
      const text = inline ?? (rest[0]?.startsWith("--") === true ? undefined : rest.shift());
      const value = readNumber(name, text, faults);
      if (numbers.has(name)) faults.push(`--${name} is given twice: give it once`);
      if (value !== undefined) numbers.set(name, value);
    } else {
      faults.push(`${JSON.stringify(word)} is not an option: see --help for those there are`);
    }
  }
  if (flags.has("help")) return { kind: "help" };
  faults.push(...contradictions(numbers, flags));
  if (faults.length > 0) throw new UsageError(faults.join("\n"));
  return compose(numbers, flags);
}

function readNumber(name: NumberName, text: string | undefined, faults: string[]): number | undefined {
  const { least, most, what, whole } = NUMBERS[name];
  const value = text === undefined || text.trim() === "" ? Number.NaN : Number(text);
  if (value >= least && value <= most && (!whole || Number.isInteger(value))) return value;
  const given = text === undefined ? "has no value" : `is ${JSON.stringify(text)}`;
  faults.push(`--${name} ${given}: give ${whole ? "a whole number of " : ""}${what}, ${range(NUMBERS[name])}`);
  return undefined;
}

function contradictions(numbers: ReadonlyMap<NumberName, number>, flags: ReadonlySet<FlagName>): string[] {
  const faults: string[] = [];
  if (flags.has("json") && !numbers.has("calls")) faults.push("--json needs --calls: say how many calls to make");
  for (const name of ["seconds", "kill-after"] as const) {
    if (numbers.has("calls") && numbers.has(name)) {
      faults.push(`--calls and --${name} exclude each other: with --calls the calls are counted and nothing is killed`);
    }
  }
  if (flags.has("no-kill") && numbers.has("kill-after")) faults.push("--no-kill and --kill-after exclude each other");
  return faults;
}

function compose(numbers: ReadonlyMap<NumberName, number>, flags: ReadonlySet<FlagName>): DemoOptions {
  const calls = numbers.get("calls");
  const rate = numbers.get("rate");
  if (calls !== undefined) {
    return { kind: "measure", rate: rate ?? DEFAULT_MEASURE_RATE, calls, json: flags.has("json") };
  }
  return {
    kind: "show",
    rate: rate ?? DEFAULT_SHOW_RATE,
    seconds: numbers.get("seconds"),
    killAfterSeconds: flags.has("no-kill") ? undefined : (numbers.get("kill-after") ?? DEFAULT_KILL_AFTER_SECONDS),
  };
}

function range({ least, most }: NumberRange): string {
  return `${least} to ${most}`;
}

function isFlag(name: string): name is FlagName {
  return (FLAGS as readonly string[]).includes(name);
}

function isNumber(name: string): name is NumberName {
  return Object.hasOwn(NUMBERS, name);
}
