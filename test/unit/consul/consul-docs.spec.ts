/** docs/consul.md says of variables, options, times and errors what the code does. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { ConsulHttp, DEFAULT_TIMEOUT_MS, refusal } from "../../../sdk/src/consul/consul-http.ts";
import { consulOptionsForm, DEFAULT_MAX_ANSWER_BYTES } from "../../../sdk/src/consul/consul-options.ts";
import { consulTlsForm } from "../../../sdk/src/consul/consul-tls.ts";
import { QueryIndex } from "../../../sdk/src/consul/query-index.ts";
import { READ_EVERY_MS } from "../../../sdk/src/consul/token-file.ts";
import { writeRefusal } from "../../../sdk/src/consul/write-refusal.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";

const SOURCES = "sdk/src/consul";
const page = readFileSync("docs/consul.md", "utf8");
const rows = page.split("\n").filter((line) => line.startsWith("| "));

/** The row of a table that begins with this cell. */
function row(cell: string): string {
  const found = rows.find((one) => one.startsWith(`| ${cell} |`));
  assert.ok(found, `no row begins with ${cell}`);
  return found;
}

describe("docs/consul.md", () => {
  it("tells every variable that is read, and no other", () => {
    const read = new Set<string>();
    for (const file of readdirSync(SOURCES)) {
      const text = readFileSync(join(SOURCES, file), "utf8");
      for (const [, name = ""] of text.matchAll(/"(CONSUL_[A-Z_]+)"/g)) read.add(name);
    }
    const table = rows.filter((line) => line.startsWith("| `CONSUL_")).join("\n");
    const told = new Set(
      [...table.matchAll(/^\| (.+?) \|/gm)].flatMap(([, cell = ""]) => cell.match(/CONSUL_\w+/g) ?? []),
    );
    assert.deepEqual([...told].sort(), [...read].sort());
  });

  it("tells every option", () => {
    const options = Object.keys(consulOptionsForm.shape).filter((name) => name !== "tls");
    const tls = Object.keys(consulTlsForm.shape).map((name) => `tls.${name}`);
    for (const name of [...options, ...tls]) assert.ok(page.includes(`\`${name}\``), `${name} is not told of`);
  });

  it("tells how long it waits and how much it reads", () => {
    const blocked = new QueryIndex();
    blocked.accept(7n);
    assert.match(row("a question"), new RegExp(DEFAULT_TIMEOUT_MS.toLocaleString("en-US")));
    assert.match(row("a watch"), new RegExp(`wait ${blocked.query()["wait"]?.replace("s", " s") ?? ""},`));
    assert.match(row("a watch"), new RegExp(blocked.timeoutMs.toLocaleString("en-US")));
    assert.match(row("an answer"), new RegExp(`${DEFAULT_MAX_ANSWER_BYTES / 1024 / 1024} MiB`));
    assert.match(row("a token's file"), new RegExp(READ_EVERY_MS.toLocaleString("en-US")));
  });

  it("tells of every status the code that it becomes", () => {
    const http = new ConsulHttp({}, new VirtualClock());
    const replyOf = (status: number) => ({ answered: true, status, headers: {}, text: "" }) as const;
    for (const status of [400, 401, 403, 404, 413, 429]) {
      const { code } = refusal(http, "x", replyOf(status));
      assert.match(row(`\`${code}\``), new RegExp(`\\b${status}\\b`), `${status} is ${code}`);
    }
    assert.equal(refusal(http, "x", replyOf(503)).code, "UNAVAILABLE");
    assert.match(row("`UNAVAILABLE`"), /500 and above/);
    assert.equal(writeRefusal(http, "x", replyOf(500)).code, "INVALID_ARGUMENT");
    assert.match(row("`INVALID_ARGUMENT`"), /500 to a write/);
    const redirected = refusal(http, "x", replyOf(301));
    assert.ok(redirected instanceof MeshError && redirected.code === "FAILED_PRECONDITION");
    assert.match(row("`FAILED_PRECONDITION`"), /redirect/);
  });
});
