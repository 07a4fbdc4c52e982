/** Follows docs/consul.md on a Consul that really runs: its program, its policy, its limits, its count of connections. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "mocha";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { caLeaf } from "../../sdk/src/consul/connect-ca-api.ts";
import { consulDirectory } from "../../sdk/src/consul/consul-directory.ts";
import { consulFeatures } from "../../sdk/src/consul/consul-features.ts";
import { ConsulHttp } from "../../sdk/src/consul/consul-http.ts";
import { consulRegistration } from "../../sdk/src/consul/consul-registration.ts";
import { discoveryChain } from "../../sdk/src/consul/discovery-chain-api.ts";
import type { EndpointView } from "../../sdk/src/discovery/directory.ts";
import { testCertificates } from "../support/certificates.ts";
import { freePort } from "../support/free-port.ts";
import { Inbox } from "../support/inbox.ts";
import { examplesOf } from "../support/readme-examples.ts";
import { findConsul, type RealConsul, sayNotRun, startConsul } from "../support/real-consul.ts";

const ROOT_TOKEN = "5ca1ab1e-0000-4000-8000-000000000000";
const examples = new Map(
  examplesOf(readFileSync("docs/consul.md", "utf8")).map((one) => {
    assert.equal(one.kind, "file");
    return [one.path, one.text];
  }),
);
const { ca, server, client } = testCertificates();

function example(path: string): string {
  const content = examples.get(path);
  assert.ok(content !== undefined, `docs/consul.md has no ${path}`);
  return content;
}

if (findConsul() === undefined) {
  describe("docs/consul.md, followed", () => {
    it("is tested where there is a Consul", () => sayNotRun("the page about Consul"));
  });
} else {
  describe("docs/consul.md, followed", () => {
    let consul: RealConsul;
    let folder: string;
    let httpsPort: number;

    before(async function () {
      this.timeout(60_000);
      folder = mkdtempSync(join(tmpdir(), "consul-docs-"));
      const files = { "ca.pem": ca, "client.pem": client.cert, "client-key.pem": client.key, token: ROOT_TOKEN };
      for (const [name, content] of Object.entries({
        ...files,
        "server.pem": server.cert,
        "server-key.pem": server.key,
      })) {
        writeFileSync(join(folder, name), content);
      }
      httpsPort = await freePort();
      // Requests without a token act as root, so that the look at whether it is up sees it.
      const hcl = `
        acl { enabled = true, default_policy = "deny",
              tokens { master = "${ROOT_TOKEN}", agent = "${ROOT_TOKEN}", default = "${ROOT_TOKEN}" } }
        verify_incoming = true, verify_outgoing = true
        ca_file = "${folder}/ca.pem", cert_file = "${folder}/server.pem", key_file = "${folder}/server-key.pem"
        ports { https = ${httpsPort} }
        addresses { https = "127.0.0.1" }`;
      consul = await startConsul({ args: ["-hcl", hcl, "-hcl", example("agent-limits.hcl")] });
    });

    after(async () => {
      await consul.close();
      rmSync(folder, { recursive: true, force: true });
    });

    it("has a program that runs and type-checks", async function () {
      this.timeout(60_000);
      const path = "services/hello/src/consul-over-tls.ts";
      const program = example(path)
        .replace("consul.internal:8501", `127.0.0.1:${httpsPort}`)
        .replace("/run/secrets/consul-token", join(folder, "token"))
        .replaceAll("/etc/consul/", `${folder}/`);
      const file = join(folder, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, program);
      writeFileSync(join(folder, "package.json"), '{"type":"module"}');
      symlinkSync(join(process.cwd(), "node_modules"), join(folder, "node_modules"));
      const flags = ["--conditions=meshwork-source", "--import", "tsx"];
      const run = spawn(process.execPath, [...flags, file], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
      const [printed, [code]] = await Promise.all([text(run.stdout), once(run, "exit")]);
      assert.equal(code, 0);
      assert.equal(printed.trim(), "[ 'consul' ]");
      const tsconfig = {
        extends: join(process.cwd(), "tsconfig.base.json"),
        compilerOptions: { noEmit: true, customConditions: ["meshwork-source"], types: ["node"] },
        files: [path],
      };
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
      execFileSync(join(process.cwd(), "node_modules/.bin/tsc"), ["-p", "."], { cwd: folder, stdio: "inherit" });
    });

    it("has a policy that is enough to register, find, route and be known", async () => {
      const root = new ConsulHttp({ url: consul.url, token: ROOT_TOKEN }, systemClock);
      const Rules = example("greeter-policy.hcl");
      const policy = await root.request({ method: "PUT", path: "/acl/policy", body: { Name: "greeter", Rules } });
      assert.equal(policy.status, 200, policy.text);
      const token = await root.request({
        method: "PUT",
        path: "/acl/token",
        body: { Policies: [{ Name: "greeter" }] },
      });
      const { SecretID } = JSON.parse(token.text) as { readonly SecretID: string };
      root.close();

      const http = new ConsulHttp({ url: consul.url, token: SecretID }, systemClock);
      const instance = { name: "greeter", id: "greeter-1", weight: 1, tags: [], metadata: {} };
      const registration = consulRegistration(http, { clock: systemClock });
      const registered = await registration.register({ ...instance, address: { host: "127.0.0.1", port: 1 } });
      const directory = consulDirectory(http, { clock: systemClock });
      const views = new Inbox<EndpointView>();
      directory.watch("greeter", (view) => views.put(view));
      assert.equal((await views.next()).endpoints[0]?.id, "greeter-1");
      assert.equal((await consulFeatures(http)).source, "told");
      assert.equal((await caLeaf(http, "greeter")).service, "greeter");
      assert.equal((await discoveryChain(http, "another")).service, "another");
      directory.close();
      await registered.deregister();
      http.close();
    });

    it("has limits that an agent takes", async () => {
      const http = new ConsulHttp({ url: consul.url, token: ROOT_TOKEN }, systemClock);
      const self = await http.request({ method: "GET", path: "/agent/self" });
      const { DebugConfig } = JSON.parse(self.text) as { readonly DebugConfig: { HTTPMaxConnsPerClient: number } };
      assert.equal(DebugConfig.HTTPMaxConnsPerClient, 2_000);
      http.close();
    });

    it("counts the connections rightly: one a watch, and one for all else", async () => {
      const sockets = new Set<Socket>();
      const counting = createServer();
      counting.on("connection", (socket: Socket) => {
        sockets.add(socket);
        const onward = connect(consul.port, "127.0.0.1");
        socket.pipe(onward).pipe(socket);
        socket.once("close", () => {
          sockets.delete(socket);
          onward.destroy();
        });
        onward.once("error", () => socket.destroy());
        socket.once("error", () => onward.destroy());
      });
      counting.listen(0, "127.0.0.1");
      await once(counting, "listening");
      const { port } = counting.address() as AddressInfo;
      const http = new ConsulHttp({ url: `http://127.0.0.1:${port}`, token: ROOT_TOKEN }, systemClock);
      const directory = consulDirectory(http, { clock: systemClock });
      for (let service = 0; service < 10; service++) {
        const views = new Inbox<EndpointView>();
        directory.watch(`called-${service}`, (view) => views.put(view));
        await views.next();
      }
      for (let question = 0; question < 5; question++) await consulFeatures(http);
      const instance = { name: "served", id: "served-1", weight: 1, tags: [], metadata: {} };
      const registration = consulRegistration(http, { clock: systemClock });
      const registered = await registration.register({ ...instance, address: { host: "127.0.0.1", port: 1 } });
      assert.equal(sockets.size, 11);
      await registered.deregister();
      assert.equal(sockets.size, 11);
      directory.close();
      http.close();
      counting.close();
    });
  });
}
