/** Follows docs/coordination.md: its programs run and type-check, over our agent and, with its policy, a Consul that really runs. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { startAgent } from "@meshwork/agent";
import { after, before, describe, it } from "mocha";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { ConsulHttp } from "../../sdk/src/consul/consul-http.ts";
import { exampleFile, PAGE } from "../support/coordination-docs.ts";
import { examplesOf } from "../support/readme-examples.ts";
import { findConsul, sayNotRun, startConsul } from "../support/real-consul.ts";

const ROOT_TOKEN = "5ca1ab1e-0000-4000-8000-000000000000";
const PROGRAMS = examplesOf(readFileSync(PAGE, "utf8")).flatMap((one) =>
  one.kind === "file" && one.path.endsWith(".ts") ? [one] : [],
);

interface Place {
  readonly env: NodeJS.ProcessEnv;
  close(): Promise<void>;
}

followed("our agent", async () => {
  const agent = await startAgent({ port: 0 });
  return { env: { CONSUL_HTTP_ADDR: agent.url }, close: () => agent.close() };
});

if (findConsul() === undefined) {
  describe(`${PAGE}, followed with its policy`, () => {
    it("is tested where there is a Consul", () => sayNotRun("the page about coordination"));
  });
} else {
  followed("a Consul that allows what it says", async () => {
    const tokens = `master = "${ROOT_TOKEN}", agent = "${ROOT_TOKEN}"`;
    // Until the policy is there, requests without a token act as root, so that the look at whether it is up sees it.
    const hcl = `acl { enabled = true, default_policy = "deny", tokens { ${tokens}, default = "${ROOT_TOKEN}" } }`;
    const consul = await startConsul({ args: ["-hcl", hcl] });
    const root = new ConsulHttp({ url: consul.url, token: ROOT_TOKEN }, systemClock);
    const policy = { Name: "coordination", Rules: exampleFile("coordination-policy.hcl") };
    assert.equal((await root.request({ method: "PUT", path: "/acl/policy", body: policy })).status, 200);
    const body = { Policies: [{ Name: "coordination" }] };
    const { SecretID } = JSON.parse((await root.request({ method: "PUT", path: "/acl/token", body })).text) as {
      readonly SecretID: string;
    };
    root.close();
    return { env: { CONSUL_HTTP_ADDR: consul.url, CONSUL_HTTP_TOKEN: SecretID }, close: () => consul.close() };
  });
}

function followed(name: string, start: () => Promise<Place>): void {
  describe(`${PAGE}, followed over ${name}`, () => {
    let place: Place;
    let folder: string;

    before(async function () {
      this.timeout(60_000);
      place = await start();
      folder = mkdtempSync(join(tmpdir(), "coordination-docs-"));
      for (const { path, text } of PROGRAMS) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      }
      writeFileSync(join(folder, "package.json"), '{"type":"module"}');
      symlinkSync(join(process.cwd(), "node_modules"), join(folder, "node_modules"));
    });

    after(async () => {
      await place.close();
      rmSync(folder, { recursive: true, force: true });
    });

    /** What a program prints but for its log; told "leading" it is asked to end. */
    async function printed(path: string): Promise<string[]> {
      const flags = ["--conditions=meshwork-source", "--import", "tsx"];
      const run = spawn(process.execPath, [...flags, join(folder, path)], {
        cwd: folder,
        env: { ...process.env, ...place.env },
        stdio: ["ignore", "pipe", "inherit"],
      });
      const ended = once(run, "exit") as Promise<[number | null]>;
      const lines: string[] = [];
      for await (const line of createInterface(run.stdout)) {
        if (line === "leading") run.kill("SIGTERM");
        if (!line.startsWith("{")) lines.push(line);
      }
      assert.deepEqual(await ended, [0, null]);
      return lines;
    }

    it("works under a lock", async () => {
      assert.deepEqual(await printed("services/hello/src/nightly.ts"), ["all is well"]);
    });

    it("leads, and steps down when it is asked to end", async () => {
      assert.deepEqual(await printed("services/hello/src/scheduler.ts"), ["leading", "stepped down"]);
    });

    it("holds a slot", async () => {
      assert.deepEqual(await printed("services/hello/src/renderer.ts"), ["printing"]);
    });

    it("goes by settings, and changes them", async () => {
      assert.deepEqual(await printed("services/hello/src/settings.ts"), ["[ 'maxItems' ] 20"]);
    });

    it("type-checks", function () {
      this.timeout(60_000);
      const tsconfig = {
        extends: join(process.cwd(), "tsconfig.base.json"),
        compilerOptions: { noEmit: true, customConditions: ["meshwork-source"], types: ["node"] },
        files: PROGRAMS.map(({ path }) => path),
      };
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
      execFileSync(join(process.cwd(), "node_modules/.bin/tsc"), ["-p", "."], { cwd: folder, stdio: "inherit" });
    });
  });
}
