/** The live view as lines of text: pure, so that it can be tested to the letter. */
import type { Percentiles } from "./call-stats.ts";
import { formatMs } from "./describe.ts";

export interface Row {
  readonly id: string;
  /** "killed", "starting"; undefined: it serves. */
  readonly state: string | undefined;
  /** Calls per second. */
  readonly rate: number | undefined;
  readonly percentiles: Percentiles | undefined;
  readonly inFlight: number | undefined;
  readonly errors: number | undefined;
  /** Calls per second in the last seconds, oldest first. */
  readonly history: readonly number[];
}

export interface ServiceLine {
  readonly service: string;
  readonly passing: number;
  /** Ids of listed instances whose checks do not pass. */
  readonly failing: readonly string[];
  /** Why the registry cannot be asked; undefined while it can. */
  readonly error: string | undefined;
}

export interface TableView {
  readonly elapsedMs: number;
  readonly rate: number;
  readonly rows: readonly Row[];
  /** All calls as the callers see them. */
  readonly callers: Row;
  /** Where the registry is. */
  readonly registry: string;
  readonly services: readonly ServiceLine[];
  readonly events: readonly Event[];
  /** What one can do. */
  readonly hint: string;
}

/** Something that has happened. */
export interface Event {
  readonly elapsedMs: number;
  readonly text: string;
  readonly kind: "news" | "bad" | "good";
}

/** How text looks. PLAIN leaves it as it is. */
export interface Paint {
  readonly bold: Style;
  readonly dim: Style;
  readonly red: Style;
  readonly green: Style;
}

type Style = (text: string) => string;

const same: Style = (text) => text;
export const PLAIN: Paint = { bold: same, dim: same, red: same, green: same };

const sgr =
  (on: number, off: number): Style =>
  (text) =>
    `\u001b[${on}m${text}\u001b[${off}m`;
export const COLOURS: Paint = { bold: sgr(1, 22), dim: sgr(2, 22), red: sgr(31, 39), green: sgr(32, 39) };

const BARS = "▁▂▃▄▅▆▇█";
const ID_COLUMNS = 14;
const NUMBER_COLUMNS = [9, 9, 9, 11, 8] as const;
const HEADINGS = ["calls/s", "p50 ms", "p99 ms", "in flight", "errors"] as const;
const HISTORY_HEADING = "last 30 s";
const HISTORY_COLUMNS = 30;
const MARGIN = "  ";
const TABLE_COLUMNS = ID_COLUMNS + NUMBER_COLUMNS.reduce((sum, columns) => sum + columns, 0);
const NOTHING = "–";

/**
 * @param columns of the screen: what does not fit is cut.
 * @param rows of the screen: the oldest events make way.
 */
export function renderTable(view: TableView, columns: number, rows: number, paint: Paint): readonly string[] {
  const width = Math.max(1, columns - 1);
  const withHistory = width >= MARGIN.length + TABLE_COLUMNS + MARGIN.length + HISTORY_COLUMNS;
  const tableWidth = TABLE_COLUMNS + (withHistory ? MARGIN.length + HISTORY_COLUMNS : 0);
  const rule = { text: "─".repeat(tableWidth), style: paint.dim };
  const scale = Math.max(1, ...view.rows.flatMap(({ history }) => history));
  const lines = [
    { text: header(view, tableWidth), style: paint.bold },
    rule,
    { text: headings(withHistory), style: paint.dim },
    ...view.rows.map((row) => ({ text: rowText(row, scale, withHistory), style: styleOf(row, paint) })),
    rule,
    { text: rowText(view.callers, view.rate, withHistory), style: paint.bold },
    rule,
    { text: `${"registry".padEnd(ID_COLUMNS)}  ${view.registry}`, style: same },
    ...view.services.map((service) => serviceLine(service, paint)),
    { text: "", style: same },
  ];
  const room = Math.max(0, rows - lines.length - 2);
  const events = view.events.slice(-room || view.events.length).slice(0, room);
  const shown = [
    ...lines,
    ...events.map((event) => ({ text: eventText(event), style: eventStyle(event, paint) })),
    { text: view.hint, style: paint.dim },
  ];
  return shown.slice(0, Math.max(1, rows - 1)).map(({ text, style }) => style(cut(`${MARGIN}${text}`, width)));
}

function header({ rate, elapsedMs }: TableView, width: number): string {
  const title = `meshwork demo: ${rate} calls/s to three greeters, which ask two translators`;
  const time = formatTime(elapsedMs);
  return `${title.slice(0, width - time.length - 1).padEnd(width - time.length)}${time}`;
}

function headings(withHistory: boolean): string {
  const numbers = HEADINGS.map((heading, at) => heading.padStart(NUMBER_COLUMNS[at] ?? 0));
  return ["instance".padEnd(ID_COLUMNS), ...numbers, withHistory ? MARGIN + HISTORY_HEADING : ""].join("");
}

function rowText(
  { id, state, rate, percentiles, inFlight, errors, history }: Row,
  scale: number,
  bars: boolean,
): string {
  const cells =
    state === undefined
      ? [
          rate?.toFixed(rate < 9.95 ? 1 : 0),
          percentiles && formatMs(percentiles.p50Ms),
          percentiles && formatMs(percentiles.p99Ms),
          inFlight?.toString(),
          errors?.toString(),
        ]
      : [state, "", "", "", errors?.toString()];
  const numbers = cells.map((cell, at) => (cell ?? NOTHING).padStart(NUMBER_COLUMNS[at] ?? 0));
  return [id.padEnd(ID_COLUMNS), ...numbers, bars ? MARGIN + sparkline(history, scale) : ""].join("").trimEnd();
}

/** One bar for each number; none at all for 0, so that silence is seen. */
export function sparkline(history: readonly number[], scale: number): string {
  return history
    .slice(-HISTORY_COLUMNS)
    .map((value) => {
      if (value <= 0) return " ";
      const at = Math.ceil((Math.min(value, scale) / scale) * BARS.length) - 1;
      return BARS[Math.max(0, at)] ?? " ";
    })
    .join("");
}

function serviceLine({ service, passing, failing, error }: ServiceLine, paint: Paint): Line {
  const label = `${"".padEnd(ID_COLUMNS)}  ${service}: `;
  if (error !== undefined)
    return { text: `${label}cannot be asked (${error}); last known: ${passing}`, style: paint.red };
  const rest = failing.length === 0 ? "" : `, ${failing.join(" and ")} critical`;
  return { text: `${label}${passing} passing${rest}`, style: failing.length === 0 ? same : paint.red };
}

interface Line {
  readonly text: string;
  readonly style: Style;
}

function styleOf({ state, errors }: Row, paint: Paint): Style {
  if (state === "killed" || (errors ?? 0) > 0) return paint.red;
  return state === undefined ? same : paint.dim;
}

function eventText({ elapsedMs, text }: Event): string {
  return `${formatTime(elapsedMs)}  ${text}`;
}

function eventStyle({ kind }: Event, paint: Paint): Style {
  if (kind === "news") return same;
  return kind === "good" ? paint.green : paint.red;
}

/** "1:05": minutes and seconds. */
export function formatTime(elapsedMs: number): string {
  const seconds = Math.floor(elapsedMs / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Whatever stands in a line takes one column per character: ids, numbers and our own words do. */
function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, columns - 1)}…`;
}
