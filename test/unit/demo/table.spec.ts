import assert from "node:assert/strict";
import {
  COLOURS,
  formatTime,
  PLAIN,
  renderTable,
  type Row,
  sparkline,
  type TableView,
} from "../../../services/demo/src/table.ts";

function row(id: string, changes: Partial<Row> = {}): Row {
  const percentiles = { p50Ms: 1.5, p99Ms: 12.34 };
  return { id, state: undefined, rate: 50, percentiles, inFlight: 1, errors: 0, history: [50, 100], ...changes };
}

function view(changes: Partial<TableView> = {}): TableView {
  return {
    elapsedMs: 65_432,
    rate: 100,
    rows: [row("greeter-1"), row("greeter-2", { state: "killed", inFlight: undefined })],
    callers: row("all calls", { rate: 100, history: [] }),
    registry: "Consul at http://127.0.0.1:8500",
    services: [
      { service: "greeter", passing: 1, failing: ["greeter-2"], error: undefined },
      { service: "translator", passing: 2, failing: [], error: undefined },
    ],
    events: [{ elapsedMs: 5_000, text: "greeter-2 is killed", kind: "bad" }],
    hint: "Ctrl-C ends it",
    ...changes,
  };
}

describe("the demo's table", () => {
  it("shows every instance, all calls, the registry and what has happened", () => {
    const rule = `  ${"─".repeat(92)}`;
    assert.deepEqual(renderTable(view(), 120, 40, PLAIN), [
      `  meshwork demo: 100 calls/s to three greeters, which ask two translators${" ".repeat(17)}1:05`,
      rule,
      "  instance        calls/s   p50 ms   p99 ms  in flight  errors  last 30 s",
      "  greeter-1            50     1.50     12.3          1       0  ▄█",
      "  greeter-2        killed                                    0  ▄█",
      rule,
      "  all calls           100     1.50     12.3          1       0",
      rule,
      "  registry        Consul at http://127.0.0.1:8500",
      "                  greeter: 1 passing, greeter-2 critical",
      "                  translator: 2 passing",
      "  ",
      "  0:05  greeter-2 is killed",
      "  Ctrl-C ends it",
    ]);
  });

  it("has a dash for what is not known", () => {
    const unknown = row("greeter-1", {
      rate: undefined,
      percentiles: undefined,
      inFlight: undefined,
      errors: undefined,
    });
    const lines = renderTable(view({ rows: [unknown] }), 80, 40, PLAIN);
    assert.equal(lines[3]?.replaceAll(/ +/g, " "), " greeter-1 – – – – –");
  });

  it("fits every screen: no line is as wide, nor all of them as high", () => {
    const events = Array.from({ length: 50 }, (_, n) => ({ elapsedMs: n, text: `event ${n}`, kind: "news" as const }));
    for (const columns of [1, 20, 66, 80, 95, 200]) {
      for (const rows of [1, 5, 14, 16, 24, 60]) {
        const lines = renderTable(view({ events }), columns, rows, PLAIN);
        assert.ok(lines.length <= Math.max(1, rows - 1), `${lines.length} lines on ${rows} rows`);
        const widest = Math.max(...lines.map((line) => line.length));
        assert.ok(widest <= Math.max(1, columns - 1), `${widest} characters on ${columns} columns`);
      }
    }
  });

  it("lets the oldest events make way", () => {
    const events = Array.from({ length: 50 }, (_, n) => ({ elapsedMs: 0, text: `event ${n}`, kind: "news" as const }));
    const shown = renderTable(view({ events }), 120, 24, PLAIN).filter((line) => line.includes("event"));
    assert.ok(shown.length > 3);
    assert.ok(shown.at(-1)?.endsWith("event 49"));
    assert.deepEqual(
      renderTable(view({ events }), 120, 14, PLAIN).filter((line) => line.includes("event")),
      [],
    );
  });

  it("says that the registry cannot be asked", () => {
    const services = [{ service: "greeter", passing: 3, failing: [], error: "ECONNREFUSED" }];
    const lines = renderTable(view({ services }), 120, 40, PLAIN);
    assert.ok(lines.some((line) => line.includes("greeter: cannot be asked (ECONNREFUSED); last known: 3")));
  });

  it("paints the killed red and nothing else of the rows", () => {
    const lines = renderTable(view(), 120, 40, COLOURS);
    const red = "\u001b[31m";
    assert.ok(lines[4]?.startsWith(red));
    assert.ok(lines[3]?.startsWith("  greeter-1"));
  });

  it("draws a bar for each second, none for silence, and never beyond the highest", () => {
    assert.equal(sparkline([0, 1, 50, 100, 400], 100), " ▁▄██");
    assert.equal(
      sparkline(
        Array.from({ length: 40 }, () => 1),
        1,
      ),
      "█".repeat(30),
    );
  });

  it("tells the time in minutes and seconds", () => {
    assert.deepEqual([0, 59_999, 61_000, 3_600_000].map(formatTime), ["0:00", "0:59", "1:01", "60:00"]);
  });
});
