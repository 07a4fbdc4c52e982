/** mesh call against a running mesh. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MeshProcess, runMesh } from "./cli-process.ts";
import { type Samples, startSamples } from "./cli-samples.ts";

describe("mesh call", () => {
  let samples: Samples;
  let env: Samples["env"];
  let address: string;

  before(async () => {
    samples = await startSamples();
    ({ env, address } = samples);
  });

  after(() => samples.close());

  it("finds a service by its mesh name in the registry and prints one line of JSON", async () => {
    const { code, stdout, stderr } = await runMesh(
      ["call", "greeter/SayHello", '{"name": "Ada", "language": "de"}'],
      env,
    );
    assert.deepEqual([code, stdout, stderr], [0, '{"message":"Hallo, Ada!","instance":"greeter-a"}\n', ""]);
  });

  it("takes the full name, an address, a method in lowerCamel and pretty output", async () => {
    const words = [
      "call",
      "-t",
      address,
      "-o",
      "pretty",
      "translator.v1.TranslatorService/translate",
      '{"phrase":"thanks"}',
    ];
    const { code, stdout } = await runMesh(words);
    assert.deepEqual([code, stdout], [0, '{\n  "text": "Thank you",\n  "instance": "translator-a"\n}\n']);
  });

  it("prints each message of a server stream as a line", async () => {
    const { code, stdout } = await runMesh(["call", "GreeterService", "SayHelloEverywhere", '{"name":"Ada"}'], env);
    assert.equal(code, 0);
    const messages = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly message: string });
    assert.deepEqual(messages.map(({ message }) => message).slice(0, 2), ["Hello, Ada!", "Hallo, Ada!"]);
  });

  it("sends a list, or values one behind the other, as a stream", async () => {
    const listed = await runMesh(["call", "greeter/GreetGroup", '[{"name":"Ada"}, {"name":"Grace"}]'], env);
    assert.deepEqual([listed.code, listed.stdout], [0, '{"message":"Hello, Ada and Grace!","count":2}\n']);
    const piped = await runMesh(
      ["call", "greeter/GreetGroup", "-"],
      env,
      '{"name":"Ada"}{"name":\n"Grace"}\n{"name":"Mary"}',
    );
    assert.deepEqual([piped.code, piped.stdout], [0, '{"message":"Hello, Ada and Grace and Mary!","count":3}\n']);
  });

  it("answers each line of standard input as it comes, in a bidirectional stream", async () => {
    const chat = new MeshProcess(["call", "greeter/Chat", "-"], env);
    chat.child.stdin.write('{"text":"good morning"}\n');
    await chat.printed('{"text":"Hello"}\n');
    chat.child.stdin.end('{"text":"bye"}\n');
    const { code, stdout } = await chat.finished;
    assert.deepEqual([code, stdout], [0, '{"text":"Hello"}\n{"text":"Goodbye"}\n']);
  });

  it("reads requests from a file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "mesh-cli-"));
    try {
      const file = join(folder, "request.json");
      writeFileSync(file, '{"name":"Ada"}');
      const { code, stdout } = await runMesh(["call", "greeter/SayHello", `@${file}`], env);
      assert.deepEqual([code, stdout], [0, '{"message":"Hello, Ada!","instance":"greeter-a"}\n']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("takes the contract from a .proto file", async () => {
    const words = [
      "call",
      "--proto",
      "proto/greeter/v1/greeter.proto",
      "-I",
      "proto",
      "greeter/SayHello",
      '{"name":"Ada"}',
    ];
    const { code, stdout, stderr } = await runMesh(words, env);
    assert.deepEqual([code, stdout, stderr], [0, '{"message":"Hello, Ada!","instance":"greeter-a"}\n', ""]);
  });

  it("tells of a failed call by code, reason, place, attempts and details, without a stack", async () => {
    const { code, stdout, stderr } = await runMesh(["call", "translator/Translate", '{"phrase":"cheese"}'], env);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^error: INVALID_ARGUMENT: phrase "cheese" is not known: ask for hello, goodbye or thanks$/m);
    assert.match(stderr, /^ +method +translator\.v1\.TranslatorService\/Translate$/m);
    assert.ok(stderr.includes(`endpoint  ${address}`));
    assert.match(stderr, /^ +attempts +1 in \d+ ms$/m);
    assert.match(stderr, /detail +google\.rpc\.BadRequest \{"fieldViolations":\[\{"field":"phrase",/);
    assert.doesNotMatch(stderr, /^ +at /m);
  });

  it("lists the methods of a service, the closest first, when the one asked for is not there", async () => {
    const { code, stderr } = await runMesh(["call", "greeter/SayHallo", "{}"], env);
    assert.equal(code, 2);
    assert.match(stderr, /method "SayHallo" is not one of greeter\.v1\.GreeterService, which has SayHello, /);
  });

  it("says where a request is wrong and what would fit, before anything is sent", async () => {
    const syntax = await runMesh(["call", "greeter/SayHello", '{"name": Ada}'], env);
    assert.equal(syntax.code, 2);
    assert.match(syntax.stderr, /request is not JSON: expected a value, found "A" \(line 1, column 10\)\n.*\n {11}\^/);
    const field = await runMesh(["call", "greeter/SayHello", '{"nam": "Ada"}'], env);
    assert.equal(field.code, 2);
    assert.match(
      field.stderr,
      /request does not fit greeter\.v1\.SayHelloRequest: .*"nam" is unknown: it has name, language/,
    );
    const third = await runMesh(
      ["call", "greeter/GreetGroup", "-"],
      env,
      '{"name":"Ada"}\n{"name":"Grace"}\n{"name":}',
    );
    assert.equal(third.code, 2);
    assert.match(third.stderr, /expected a value, found "}" \(line 3, column 9\)/);
  });

  it("names the services there are when the registry does not have the one asked for", async () => {
    const { code, stderr } = await runMesh(["call", "greter/SayHello", "{}"], env);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /no instance of "greter" is registered in consul at http:\/\/127\.0\.0\.1:\d+: it has greeter, translator/,
    );
  });

  it("says where it looked for a registry and what else to do", async () => {
    const { code, stderr } = await runMesh(["call", "greeter/SayHello", "{}"]);
    assert.equal(code, 1);
    assert.match(stderr, /consul at http:\/\/127\.0\.0\.1:1 did not answer \(ECONNREFUSED\): .*CONSUL_HTTP_ADDR/);
  });

  it("ends a call that outlasts its timeout, even when standard input stays open", async () => {
    const chat = new MeshProcess(["call", "--timeout", "150ms", "greeter/Chat", "-"], env);
    const { code, stderr } = await chat.finished;
    assert.equal(code, 1);
    assert.match(stderr, /error: DEADLINE_EXCEEDED: /);
  });

  it("cancels the call at Ctrl-C", async () => {
    const chat = new MeshProcess(["call", "greeter/Chat", "-"], env);
    chat.child.stdin.write('{"text":"hello"}\n');
    await chat.printed("Hello");
    chat.child.kill("SIGINT");
    const { code, stderr } = await chat.finished;
    assert.deepEqual([code, stderr], [130, "cancelled\n"]);
  });

  it("refuses a command line that makes no sense with exit code 2", async () => {
    const results = await Promise.all([
      runMesh(["call", "a/b/c"]),
      runMesh(["call", "--timeout", "soon", "greeter/SayHello"]),
      runMesh(["call", "--target", "http://localhost:1/", "greeter/SayHello"]),
    ]);
    assert.deepEqual(
      results.map(({ code }) => code),
      [2, 2, 2],
    );
  });
});
