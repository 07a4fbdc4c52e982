/** mesh ls, mesh agent, and the program as it is installed. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startAgent } from "@meshwork/agent";
import { MeshProcess, runMesh } from "./cli-process.ts";
import { type Samples, startSamples } from "./cli-samples.ts";

describe("mesh ls", () => {
  let samples: Samples;

  before(async () => {
    samples = await startSamples();
    // An instance that nobody has heard of since, and that never had a heartbeat.
    const sick = {
      ID: "greeter-b",
      Name: "greeter",
      Address: "127.0.0.1",
      Port: 9,
      Check: { TTL: "1h", Status: "critical", Name: "heartbeat of greeter-b" },
    };
    const url = `${samples.registry}/v1/agent/service/register`;
    const { status } = await fetch(url, { method: "PUT", body: JSON.stringify(sick) });
    assert.equal(status, 200);
  });

  after(() => samples.close());

  it("counts the instances of every service and their health", async () => {
    const [text, json] = await Promise.all([runMesh(["ls"], samples.env), runMesh(["ls", "--json"], samples.env)]);
    assert.deepEqual(text.stdout.split("\n"), [
      "SERVICE     INSTANCES  HEALTH",
      "greeter     2          1 passing, 1 critical",
      "translator  1          1 passing",
      "",
    ]);
    assert.deepEqual(JSON.parse(json.stdout), [
      { service: "greeter", instances: 2, passing: 1, warning: 0, critical: 1 },
      { service: "translator", instances: 1, passing: 1, warning: 0, critical: 0 },
    ]);
    assert.deepEqual([text.code, json.code], [0, 0]);
  });

  it("writes no colors into a pipe, whatever the environment promises", async () => {
    const { code, stdout } = await runMesh(["ls"], { ...samples.env, CI: "true", FORCE_COLOR: "1" });
    assert.equal(code, 0);
    assert.match(stdout, /^SERVICE /);
  });

  it("shows the instances of a service, sick ones too, and the methods with their policies", async () => {
    const { code, stdout } = await runMesh(["ls", "greeter"], samples.env);
    assert.equal(code, 0);
    const [header = "", first = "", second = ""] = stdout.split("\n");
    assert.deepEqual(header.split(/ +/), ["INSTANCE", "ADDRESS", "ZONE", "VERSION", "STATUS", "ADMIN"]);
    assert.deepEqual(first.split(/ +/), ["greeter-a", samples.address, "east", "1.2.3", "passing", samples.admin]);
    assert.deepEqual(second.split(/ +/), ["greeter-b", "127.0.0.1:9", "-", "-", "critical", "-"]);
    assert.match(stdout, /^ {2}greeter-b: heartbeat of greeter-b$/m);
    assert.match(stdout, /^greeter\.v1\.GreeterService$/m);
    assert.match(
      stdout,
      /^ {2}SayHello +SayHelloRequest +SayHelloResponse +deadline 1 s, 3 attempts, no side effects$/m,
    );
    assert.match(stdout, /^ {2}Chat +stream ChatRequest +stream ChatResponse +-$/m);
  });

  it("shows who calls a service, and what each caller makes of its instances", async () => {
    await runMesh(["call", "greeter", "SayHello", '{"name":"Ada","language":"de"}'], samples.env);
    const [text, json] = await Promise.all([
      runMesh(["ls", "translator"], samples.env),
      runMesh(["ls", "translator", "--json"], samples.env),
    ]);
    assert.match(text.stdout, /^CALLER +POLICY +CALLS +PICKS +IN FLIGHT +COST +STATE$/m);
    assert.match(text.stdout, /^greeter-a +p2c +translator-a +[1-9]\d* +0 +\d+\.\d ms +ready$/m);
    const { callers } = JSON.parse(json.stdout) as { callers: { caller: string; endpoints: object[] }[] };
    assert.deepEqual(
      callers.map(({ caller, endpoints }) => [caller, endpoints.length]),
      [["greeter-a", 1]],
    );
  });

  it("shows the methods of a server by its address", async () => {
    const { code, stdout } = await runMesh(["ls", "--target", samples.address, "--json"]);
    assert.equal(code, 0);
    const listed = JSON.parse(stdout) as {
      contracts: { service: string; methods: { name: string; kind: string }[] }[];
    };
    const greeter = listed.contracts.find(({ service }) => service === "greeter.v1.GreeterService");
    assert.deepEqual(
      greeter?.methods.map(({ name, kind }) => [name, kind]),
      [
        ["SayHello", "unary"],
        ["SayHelloEverywhere", "serverStreaming"],
        ["GreetGroup", "clientStreaming"],
        ["Chat", "bidiStreaming"],
      ],
    );
  });

  it("names what is registered when asked for something else", async () => {
    const { code, stderr } = await runMesh(["ls", "transletor"], samples.env);
    assert.equal(code, 1);
    assert.match(stderr, /no instance of "transletor" is registered in consul at .*: it has translator, greeter\n$/);
  });

  it("says so when nothing is registered, and when there is no registry", async () => {
    await using agent = await startAgent();
    const [empty, none] = await Promise.all([runMesh(["ls"], { CONSUL_HTTP_ADDR: agent.url }), runMesh(["ls"])]);
    assert.deepEqual([empty.code, empty.stdout], [0, ""]);
    assert.ok(empty.stderr.startsWith(`nothing is registered in consul at ${agent.url}: start a service`));
    assert.equal(none.code, 1);
    assert.match(none.stderr, /^error: UNAVAILABLE: consul at http:\/\/127\.0\.0\.1:1 did not answer \(ECONNREFUSED\)/);
  });
});

describe("mesh agent", () => {
  it("runs a registry until Ctrl-C and says how services find it", async () => {
    const agent = new MeshProcess(["agent", "--port", "0"]);
    await agent.printed("CONSUL_HTTP_ADDR=");
    const listening = /CONSUL_HTTP_ADDR=(\S+)/.exec(agent.stdout);
    const { status } = await fetch(`${listening?.[1]}/v1/agent/self`);
    assert.equal(status, 200);
    agent.child.kill("SIGINT");
    assert.equal((await agent.finished).code, 0);
  });
});

describe("mesh agent with a token", () => {
  it("answers those who show it, and does not print it", async () => {
    const token = "0ddba11";
    for (const [words, env] of [
      [["--token", token], {}],
      [[], { MESH_AGENT_TOKEN: token }],
    ] as const) {
      const agent = new MeshProcess(["agent", "--port", "0", ...words], env);
      await agent.printed("let services have it in CONSUL_HTTP_TOKEN\n");
      const url = /CONSUL_HTTP_ADDR=(\S+)/.exec(agent.stdout)?.[1] ?? "";
      const body = JSON.stringify({ Name: "shop" });
      const register = (headers: Record<string, string>): Promise<Response> =>
        fetch(`${url}/v1/agent/service/register`, { method: "PUT", body, headers });
      assert.equal((await register({})).status, 403);
      assert.equal((await register({ "X-Consul-Token": token })).status, 200);
      const seen = await runMesh(["ls"], { CONSUL_HTTP_ADDR: url, CONSUL_HTTP_TOKEN: token });
      assert.match(seen.stdout, /shop/);
      assert.ok(!agent.stdout.includes(token));
      agent.child.kill("SIGINT");
      assert.equal((await agent.finished).code, 0);
    }
  });
});

describe("mesh agent, asked for more than a laptop needs,", () => {
  it("says what to do instead, or how to force it", async () => {
    const outside = await runMesh(["agent", "--port", "0", "--host", "0.0.0.0"]);
    assert.notEqual(outside.code, 0);
    assert.match(outside.stderr, /host "0\.0\.0\.0" is not a loopback address: .*--force/);
    const production = await runMesh(["agent", "--port", "0"], { NODE_ENV: "production" });
    assert.notEqual(production.code, 0);
    assert.match(production.stderr, /NODE_ENV is "production", .*run a Consul, or force it .*--force/);
  });
});

describe("mesh as it is installed", () => {
  const program = fileURLToPath(new URL("../../cli/bin/mesh.js", import.meta.url));
  const start = (path: string) => spawnSync(process.execPath, [path, "--version"], { encoding: "utf8" });

  it("says so when it was not built", () => {
    const folder = mkdtempSync(join(tmpdir(), "mesh-cli-"));
    try {
      mkdirSync(join(folder, "bin"));
      writeFileSync(join(folder, "package.json"), '{"type":"module"}');
      copyFileSync(program, join(folder, "bin/mesh.js"));
      const { status, stderr } = start(join(folder, "bin/mesh.js"));
      assert.equal(status, 1);
      assert.match(stderr, /^mesh is not built \(.*dist\/main\.js is missing\): run "npm run build"$/m);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("starts what was built", () => {
    if (!existsSync(fileURLToPath(new URL("../../cli/dist/main.js", import.meta.url)))) {
      console.log('      not run: needs the built program; run "npm run build"');
      return;
    }
    const { status, stdout, stderr } = start(program);
    assert.deepEqual([status, stdout, stderr], [0, "0.1.0\n", ""]);
  });
});
