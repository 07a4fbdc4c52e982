/** mesh call against servers that are none of ours: grpc-go with its own reflection, and plain @grpc/grpc-js without any. */
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { notRun } from "../support/not-run.ts";
import { runMesh } from "./cli-process.ts";

/** The first build compiles all of grpc-go. */
const BUILD_TIMEOUT_MS = 180_000;

describe("mesh call to grpc-go", () => {
  let folder: string;
  let binary: string | undefined;
  const servers: ChildProcessWithoutNullStreams[] = [];

  before(function () {
    this.timeout(BUILD_TIMEOUT_MS);
    folder = mkdtempSync(join(tmpdir(), "mesh-cli-"));
    const source = fileURLToPath(new URL("../peers/go-reflection/", import.meta.url));
    const output = join(folder, "server");
    const built = spawnSync("go", ["build", "-buildvcs=false", "-o", output, "."], { cwd: source, encoding: "utf8" });
    if (built.status === 0) binary = output;
    else notRun("mesh call to grpc-go", "go", `put go on PATH (${built.error?.message ?? built.stderr.trim()})`);
  });

  after(async () => {
    const ends = servers.map((server) => once(server, "exit"));
    for (const server of servers) server.stdin.end();
    await Promise.all(ends);
    rmSync(folder, { recursive: true });
  });

  /** Its address. */
  async function start(program: string, ...words: string[]): Promise<string> {
    const server = spawn(program, words);
    servers.push(server);
    const [line] = (await once(server.stdout.setEncoding("utf8"), "data")) as [string];
    return line.trim();
  }

  it("makes calls of several kinds by v1 reflection, with metadata both ways", async () => {
    if (binary === undefined) return;
    const target = await start(binary);
    const call = (...words: string[]) => runMesh(["call", "-t", target, ...words]);
    const [unary, stream, chat, failed] = await Promise.all([
      call("-m", "x-user: ada", "--headers", "TestService/UnaryCall", '{"payload": {"body": "aGk="}}'),
      call("TestService/StreamingInputCall", '{"payload":{"body":"aGk="}} {"payload":{"body":"aGVsbG8="}}'),
      call("grpc.testing.TestService/fullDuplexCall", '[{"payload":{"body":"aQ=="}},{"payload":{"body":"ag=="}}]'),
      call("TestService/UnaryCall", '{"responseStatus": {"code": 8, "message": "no room"}}'),
    ]);
    assert.deepEqual([unary.code, unary.stdout], [0, '{"payload":{"body":"aGk="},"username":"ada"}\n']);
    assert.match(unary.stderr, /^header x-greeting: hello ada\n(?:.*\n)*trailer x-parting-bin: AP8=\n/m);
    assert.deepEqual([stream.code, stream.stdout], [0, '{"aggregatedPayloadSize":7}\n']);
    assert.deepEqual([chat.code, chat.stdout], [0, '{"payload":{"body":"aQ=="}}\n{"payload":{"body":"ag=="}}\n']);
    assert.equal(failed.code, 1);
    assert.match(
      failed.stderr,
      /^error: RESOURCE_EXHAUSTED: no room\n +method +grpc\.testing\.TestService\/UnaryCall\n/,
    );
  });

  it("falls back to v1alpha reflection", async () => {
    if (binary === undefined) return;
    const target = await start(binary, "v1alpha");
    const { code, stdout } = await runMesh(["call", "-t", target, "TestService/UnaryCall", "{}"]);
    assert.deepEqual([code, stdout], [0, "{}\n"]);
  });
});

describe("mesh call to a plain grpc-js server", () => {
  const PROTO = `
    syntax = "proto3";
    package shop.v1;
    import "google/protobuf/timestamp.proto";
    service ShopService { rpc Buy(BuyRequest) returns (BuyResponse); }
    message BuyRequest { int64 item_id = 1; google.protobuf.Timestamp when = 2; }
    message BuyResponse { int64 item_id = 1; google.protobuf.Timestamp delivered_at = 2; map<string, bool> extras = 3; }
  `;
  let folder: string;
  let file: string;
  let server: Server;
  let target: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "mesh-cli-"));
    file = join(folder, "shop.proto");
    writeFileSync(file, PROTO);
    const shop = loadSync(file, { longs: String })["shop.v1.ShopService"];
    server = new Server();
    server.addService(shop as Parameters<Server["addService"]>[0], {
      Buy: (call: { request: { itemId: string; when: object } }, done: (error: null, response: object) => void) =>
        done(null, { itemId: call.request.itemId, deliveredAt: call.request.when, extras: { gift: true } }),
    });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    target = `127.0.0.1:${port}`;
  });

  after(() => {
    server.forceShutdown();
    rmSync(folder, { recursive: true });
  });

  it("speaks proto3 JSON by a .proto file: 64-bit numbers, times, maps", async () => {
    const request = '{"itemId": "9007199254740993", "when": "2026-01-02T03:04:05.678Z"}';
    const words = ["call", "-t", target, "--proto", file, "ShopService/Buy", request];
    const { code, stdout, stderr } = await runMesh(words);
    const expected = '{"itemId":"9007199254740993","deliveredAt":"2026-01-02T03:04:05.678Z","extras":{"gift":true}}\n';
    assert.deepEqual([code, stdout, stderr], [0, expected, ""]);
  });

  it("says what to do when a server has no reflection", async () => {
    const { code, stderr } = await runMesh(["call", "-t", target, "ShopService/Buy", "{}"]);
    assert.equal(code, 1);
    assert.match(stderr, /server at 127\.0\.0\.1:\d+ has no reflection: give its contract with --proto/);
  });
});
