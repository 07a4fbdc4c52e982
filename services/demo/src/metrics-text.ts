/** Reads what a /metrics endpoint says: Prometheus's text format, as far as our own exposition uses it. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

export function readSamples(text: string): readonly Sample[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = LINE.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(LABEL)].map(([, key = "", text = ""]) => [key, text]);
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}

/** The sum over the series of a name whose labels are wanted. */
export function sumOf(
  samples: readonly Sample[],
  name: string,
  wanted: (labels: Sample["labels"]) => boolean = () => true,
): number {
  let sum = 0;
  for (const sample of samples) if (sample.name === name && wanted(sample.labels)) sum += sample.value;
  return sum;
}
