/**
 * Writes everything a registry holds, ours and the user's, as Prometheus text 0.0.4 or OpenMetrics 1.0.0
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Our own families are written in slices, so a scrape of
 * thousands of series never holds calls up for longer than a slice; prom-client writes its own metrics.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Metric, Registry, type RegistryContentType } from "prom-client";
import type { Clock } from "../call/clock.ts";
import { escapeLabel, Family } from "./family.ts";
import { within } from "./within.ts";

/** Of either content type: prom-client binds a registry's type to one, and what is written may be in the other. */
type AnyRegistry = Registry<RegistryContentType>;

export interface Exposition {
  readonly contentType: RegistryContentType;
  /** The body in pieces of UTF-8: joining megabytes of text would take longer than a slice. */
  readonly chunks: readonly Buffer[];
  /** The same as one text, joined when it is read. */
  readonly body: string;
}

/** Milliseconds of writing after which other work gets its turn. Below 5 ms with room for one more series. */
const SLICE_MS = 3;
/** Characters that are turned into bytes at once: few enough to be quick, and to die young in the heap. */
const CHUNK_CHARS = 32 * 1024;
/** How long one metric of the user's may take to collect: a tenth of the 10 s that Prometheus gives a scrape. */
const COLLECT_TIMEOUT_MS = 1000;

export interface ExpositionOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  /** A family without labels: how prom-client writes it tells the registry's default labels. */
  readonly probe: Family;
  /** Told when a metric of the user's could not be read, or not within a second; it is left out. */
  readonly onFailed: (metric: string) => void;
}

/** The format that an Accept header prefers: OpenMetrics only when it is asked for. */
export function negotiate(accept: string | undefined): RegistryContentType {
  let openMetrics = 0;
  let text = 0;
  for (const range of (accept ?? "").split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const quality = Number(parameters.find((one) => one.startsWith("q="))?.slice(2) ?? 1) || 0;
    if (type === "application/openmetrics-text") openMetrics = Math.max(openMetrics, quality);
    else if (type === "text/plain") text = Math.max(text, quality);
  }
  return openMetrics > 0 && openMetrics >= text ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
}

export async function writeExposition(
  contentType: RegistryContentType,
  options: ExpositionOptions,
): Promise<Exposition> {
  const defaults = await defaultLabels(options.registry, options.probe);
  const foreign: AnyRegistry = new Registry();
  foreign.setContentType(contentType);
  foreign.setDefaultLabels(Object.fromEntries(defaults));
  const body = new SlicedBody(options.clock);
  for (const metric of options.registry.getMetricsAsArray() as unknown as (Family | Metric)[]) {
    if (metric instanceof Family) {
      body.add(header(metric, contentType));
      for (const piece of writeSeries(metric, defaults)) {
        body.add(piece);
        if (body.due()) await body.rest();
      }
    } else {
      body.add(await writeForeign(metric, foreign, options));
      if (body.due()) await body.rest();
    }
  }
  if (isOpenMetrics(contentType)) body.add("# EOF\n");
  const chunks = body.end();
  return {
    contentType,
    chunks,
    get body() {
      return Buffer.concat(chunks).toString();
    },
  };
}

function header({ description }: Family, contentType: RegistryContentType): string {
  const { name, help, type } = description;
  // In OpenMetrics the family of a counter goes without the suffix of its one sample.
  const family = isOpenMetrics(contentType) && type === "counter" ? name.replace(/_total$/, "") : name;
  return `# HELP ${family} ${help}\n# TYPE ${family} ${type}\n`;
}

/** One piece for each series. */
function* writeSeries(family: Family, defaults: ReadonlyMap<string, string>): Generator<string> {
  const { name, labels } = family.description;
  const common = [...defaults]
    .filter(([label]) => !labels.includes(label))
    .map(([label, value]) => `,${label}="${escapeLabel(value)}"`)
    .join("");
  for (const { text, samples } of family.read()) {
    const all = text === "" ? common.slice(1) : text + common;
    const plain = all === "" ? " " : `{${all}} `;
    const before = all === "" ? `{le="` : `{${all},le="`;
    let piece = "";
    for (const { suffix, le, value } of samples) {
      piece += name + suffix + (le === undefined ? plain : `${before}${le}"} `) + formatNumber(value) + "\n";
    }
    yield piece;
  }
}

/** prom-client writes its own, under the name that the format asks for; one that fails or hangs is left out. */
async function writeForeign(
  metric: Metric,
  foreign: AnyRegistry,
  { clock, onFailed }: ExpositionOptions,
): Promise<string> {
  const { name: given } = metric as unknown as { name: string };
  try {
    const values = await within(metric.get(), COLLECT_TIMEOUT_MS, clock);
    if (values === undefined) {
      onFailed(given);
      return "";
    }
    const name = isOpenMetrics(foreign.contentType) && isCounter(values.type) ? given.replace(/_total$/, "") : given;
    foreign.registerMetric({ name, get: () => ({ ...values, name }) } as unknown as Metric);
    return `${await foreign.getSingleMetricAsString(name)}\n`;
  } catch {
    onFailed(given);
    return "";
  }
}

/** prom-client's types say a number where its objects hold a word. */
function isCounter(type: unknown): boolean {
  return type === "counter";
}

const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** The registry's default labels. prom-client tells them only in what it writes. */
async function defaultLabels(registry: Registry, probe: Family): Promise<Map<string, string>> {
  if (registry.getSingleMetric(probe.name) === undefined) return new Map();
  const written = await registry.getSingleMetricAsString(probe.name);
  const sample = written.slice(written.lastIndexOf("\n") + 1);
  return new Map(Array.from(sample.matchAll(LABEL), ([, label = "", value = ""]) => [label, unescapeLabel(value)]));
}

function unescapeLabel(value: string): string {
  return value.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
}

function formatNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

function isOpenMetrics(contentType: RegistryContentType): boolean {
  return contentType === Registry.OPENMETRICS_CONTENT_TYPE;
}

/** Collects text as bytes, so that it is neither kept nor joined as text, and says when others should get their turn. */
class SlicedBody {
  readonly #clock: Clock;
  readonly #chunks: Buffer[] = [];
  #text = "";
  #began: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#began = clock.now();
  }

  add(text: string): void {
    this.#text += text;
    if (this.#text.length >= CHUNK_CHARS) this.#flush();
  }

  due(): boolean {
    return this.#clock.now() - this.#began >= SLICE_MS;
  }

  async rest(): Promise<void> {
    await nextTurn();
    this.#began = this.#clock.now();
  }

  end(): Buffer[] {
    this.#flush();
    return this.#chunks;
  }

  #flush(): void {
    if (this.#text !== "") this.#chunks.push(Buffer.from(this.#text));
    this.#text = "";
  }
}
