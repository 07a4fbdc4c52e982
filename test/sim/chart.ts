/** Charts as SVG, light or dark as the page is: bars in groups, and lines over steps. */

export interface Series {
  readonly name: string;
  /** One for each group or step; undefined: failed, or not measured. */
  readonly values: readonly (number | undefined)[];
}

export interface ChartOptions {
  readonly title: string;
  /** Of groups or steps. */
  readonly labels: readonly string[];
  readonly series: readonly Series[];
  /** What a value is for people: "641 ms". */
  readonly format: (value: number) => string;
}

const WIDTH = 860;
const MARGIN = 24;
const LABEL_WIDTH = 130;
const VALUE_WIDTH = 80;
const BAR_HEIGHT = 14;
const BAR_STEP = 18;
const GROUP_GAP = 34;
const PLOT_HEIGHT = 260;
const AXIS_WIDTH = 70;
const COLOURS = ["#2f9e5b", "#3b7dd8", "#d9822b", "#9a6fd0", "#8a94a0"];
/** The shortest bar's share of the longest: a logarithm has no zero to begin at. */
const LEAST_SHARE = 0.03;
const GRID_LINES = 4;

/** Bars in groups, on a logarithmic scale; what failed has no bar and says so. */
export function barChart({ title, labels, series, format }: ChartOptions): string {
  const all = series.flatMap(({ values }) => values).filter((value) => value !== undefined && value > 0) as number[];
  const [least, most] = [Math.log(Math.min(...all)), Math.log(Math.max(...all))];
  const room = WIDTH - LABEL_WIDTH - VALUE_WIDTH - 2 * MARGIN;
  const length = (value: number): number => {
    const share = most === least ? 1 : (Math.log(Math.max(value, Math.exp(least))) - least) / (most - least);
    return room * (LEAST_SHARE + (1 - LEAST_SHARE) * share);
  };
  const marks = [text(MARGIN, MARGIN, title, "title")];
  let y = MARGIN;
  for (const [at, label] of labels.entries()) {
    y += GROUP_GAP;
    marks.push(text(MARGIN, y, label, "group"));
    for (const [number, { name, values }] of series.entries()) {
      y += BAR_STEP;
      const value = values[at];
      const x = MARGIN + LABEL_WIDTH;
      marks.push(text(MARGIN, y, name));
      if (value === undefined) {
        marks.push(text(x, y, "failed"));
        continue;
      }
      const width = length(value);
      const place = `x="${x}" y="${y - BAR_HEIGHT + 3}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}"`;
      marks.push(`<rect ${place} fill="${colour(number)}"/>`, text(x + width + 6, y, format(value)));
    }
  }
  return svg(y + MARGIN, title, marks);
}

/** A line for each series over steps; it ends where calls fail. */
export function lineChart({ title, labels, series, format }: ChartOptions): string {
  const all = series.flatMap(({ values }) => values).filter((value) => value !== undefined);
  const most = Math.max(...all, Number.MIN_VALUE);
  const [left, top] = [MARGIN + AXIS_WIDTH, 2 * MARGIN];
  const room = WIDTH - left - 2 * MARGIN;
  const xOf = (at: number): number => left + (labels.length < 2 ? 0 : (room * at) / (labels.length - 1));
  const yOf = (value: number): number => top + PLOT_HEIGHT * (1 - value / most);
  const marks = [text(MARGIN, MARGIN, title, "title")];
  for (let line = 0; line <= GRID_LINES; line++) {
    const value = (most * line) / GRID_LINES;
    const y = yOf(value).toFixed(1);
    marks.push(`<line class="grid" x1="${left}" y1="${y}" x2="${WIDTH - MARGIN}" y2="${y}"/>`);
    marks.push(text(MARGIN, yOf(value) + 4, format(value)));
  }
  const below = top + PLOT_HEIGHT + 20;
  for (const [at, label] of labels.entries()) marks.push(text(xOf(at), below, label, "step"));
  for (const [number, { name, values }] of series.entries()) {
    const points = values.flatMap((value, at) =>
      value === undefined ? [] : [`${xOf(at).toFixed(1)},${yOf(value).toFixed(1)}`],
    );
    marks.push(`<polyline points="${points.join(" ")}" fill="none" stroke="${colour(number)}" stroke-width="2"/>`);
    for (const point of points) {
      const [x, y] = point.split(",");
      marks.push(`<circle cx="${x}" cy="${y}" r="3" fill="${colour(number)}"/>`);
    }
    const [x, y] = [left + (number * room) / series.length, below + 28];
    marks.push(`<rect x="${x}" y="${y - 10}" width="12" height="12" fill="${colour(number)}"/>`, text(x + 18, y, name));
  }
  return svg(below + 28 + MARGIN, title, marks);
}

function svg(height: number, title: string, marks: readonly string[]): string {
  const style =
    "text{fill:#1c2126}.title,.group{font-weight:bold}.step{text-anchor:middle}.grid{stroke:#c9d1d9}" +
    "@media (prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#3d444d}}";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${style}</style>`,
    ...marks,
    "</svg>\n",
  ].join("\n");
}

function text(x: number, y: number, content: string, style?: string): string {
  const kind = style === undefined ? "" : ` class="${style}"`;
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${kind}>${escaped(content)}</text>`;
}

function colour(number: number): string {
  return COLOURS[number % COLOURS.length] as string;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
