/** A Consul that is reached over TLS, that verifies who comes, or that listens on a Unix socket: as its variables say. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { MeshError } from "../../sdk/src/call/mesh-error.ts";
import { agentSelf } from "../../sdk/src/consul/agent-api.ts";
import { consulDirectory } from "../../sdk/src/consul/consul-directory.ts";
import { ConsulHttp } from "../../sdk/src/consul/consul-http.ts";
import { consulOptionsFromEnv } from "../../sdk/src/consul/consul-options.ts";
import { consulRegistration } from "../../sdk/src/consul/consul-registration.ts";
import type { EndpointView } from "../../sdk/src/discovery/directory.ts";
import { testCertificates } from "../support/certificates.ts";
import { freePort } from "../support/free-port.ts";
import { Inbox } from "../support/inbox.ts";
import { findConsul, type RealConsul, sayNotRun, startConsul } from "../support/real-consul.ts";

const { ca, server, client, strangers } = testCertificates();

if (findConsul() === undefined) {
  describe("a Consul behind TLS", () => {
    it("is tested where there is one", () => sayNotRun("TLS"));
  });
} else {
  describe("a Consul behind TLS that verifies who comes", () => {
    let consul: RealConsul;
    let folder: string;
    let https: Readonly<Record<string, string>>;
    let unix: Readonly<Record<string, string>>;

    before(async function () {
      this.timeout(60_000);
      folder = mkdtempSync(join(tmpdir(), "consul-tls-"));
      const stranger = strangers.issue("stranger");
      const files = { ca, cert: server.cert, key: server.key, client: client.cert, clientKey: client.key };
      for (const [name, text] of Object.entries({ ...files, stranger: stranger.cert, strangerKey: stranger.key })) {
        writeFileSync(join(folder, name), text);
      }
      const httpsPort = await freePort();
      // Plain HTTP on loopback stays, for the test's own look at whether it is up.
      const hcl = `
        verify_incoming = true, verify_outgoing = true
        ca_file = "${folder}/ca", cert_file = "${folder}/cert", key_file = "${folder}/key"
        ports { https = ${httpsPort} }
        addresses { https = "127.0.0.1", http = "127.0.0.1 unix://${folder}/http.sock" }`;
      consul = await startConsul({ args: ["-hcl", hcl] });
      https = { CONSUL_HTTP_ADDR: `127.0.0.1:${httpsPort}`, CONSUL_HTTP_SSL: "true" };
      unix = { CONSUL_HTTP_ADDR: `unix://${folder}/http.sock` };
    });

    after(async () => {
      await consul.close();
      rmSync(folder, { recursive: true, force: true });
    });

    const at = (name: string) => join(folder, name);
    const ours = () => ({ CONSUL_CLIENT_CERT: at("client"), CONSUL_CLIENT_KEY: at("clientKey") });

    async function asked(env: Readonly<Record<string, string>>): Promise<string> {
      const http = new ConsulHttp(consulOptionsFromEnv(env), systemClock);
      try {
        return (await agentSelf(http)).datacenter;
      } catch (error) {
        assert.ok(error instanceof MeshError);
        assert.equal(error.code, "UNAVAILABLE");
        return error.reason;
      } finally {
        http.close();
      }
    }

    it("answers who trusts its CA and shows a certificate that it trusts", async () => {
      assert.equal(await asked({ ...https, ...ours(), CONSUL_CACERT: at("ca") }), "dc1");
      assert.equal(
        await asked({ ...https, ...ours(), CONSUL_CACERT: at("ca"), CONSUL_TLS_SERVER_NAME: "localhost" }),
        "dc1",
      );
    });

    it("takes the CA from a folder, and needs none where nothing is verified", async () => {
      const folderOfCas = mkdtempSync(join(tmpdir(), "consul-cas-"));
      writeFileSync(join(folderOfCas, "a.pem"), strangers.ca);
      writeFileSync(join(folderOfCas, "b.pem"), ca);
      assert.equal(await asked({ ...https, ...ours(), CONSUL_CAPATH: folderOfCas }), "dc1");
      rmSync(folderOfCas, { recursive: true });
      assert.equal(await asked({ ...https, ...ours(), CONSUL_HTTP_SSL_VERIFY: "false" }), "dc1");
    });

    it("is refused by who does not trust it, and refuses whom it does not trust, each with what to do", async () => {
      assert.match(await asked({ ...https, ...ours() }), /not signed by a CA that this side trusts .* CONSUL_CACERT/);
      const otherName = { ...https, ...ours(), CONSUL_CACERT: at("ca"), CONSUL_TLS_SERVER_NAME: "server.dc1.consul" };
      assert.match(await asked(otherName), /certificate is for other names .* CONSUL_TLS_SERVER_NAME/);
      const none = await asked({ ...https, CONSUL_CACERT: at("ca") });
      assert.match(none, /(?:shown none: |certificate required\); )give CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY/);
      const stranger = { CONSUL_CLIENT_CERT: at("stranger"), CONSUL_CLIENT_KEY: at("strangerKey") };
      assert.match(
        await asked({ ...https, ...stranger, CONSUL_CACERT: at("ca") }),
        /does not trust this side's certificate .* CONSUL_CLIENT_CERT/,
      );
    });

    it("says what to do where TLS and plain HTTP are mistaken for each other", async () => {
      const plain = new ConsulHttp({ url: `http://${https["CONSUL_HTTP_ADDR"] ?? ""}` }, systemClock);
      await assert.rejects(agentSelf(plain), /write https:\/\/ in CONSUL_HTTP_ADDR, or set CONSUL_HTTP_SSL=true/);
      plain.close();
      const tls = { CONSUL_HTTP_ADDR: consul.url.replace("http:", "https:"), CONSUL_CACERT: at("ca") };
      assert.match(await asked(tls), /does not speak TLS .* write http:\/\/ in CONSUL_HTTP_ADDR/);
    });

    for (const [way, env] of [
      ["TLS", () => ({ ...https, ...ours(), CONSUL_CACERT: at("ca") })],
      ["a Unix socket", () => unix],
    ] as const) {
      it(`registers and follows over ${way}`, async () => {
        const http = new ConsulHttp(consulOptionsFromEnv(env()), systemClock);
        const directory = consulDirectory(http, { clock: systemClock });
        const views = new Inbox<EndpointView>();
        directory.watch("reached", (view) => views.put(view));
        assert.deepEqual((await views.next()).endpoints, []);
        const instance = { name: "reached", id: `reached-by-${way}`, weight: 1, tags: [], metadata: {} };
        const registration = consulRegistration(http, { clock: systemClock });
        const registered = await registration.register({ ...instance, address: { host: "127.0.0.1", port: 1 } });
        assert.equal((await views.next()).endpoints[0]?.id, `reached-by-${way}`);
        await registered.deregister();
        // That nobody is left is believed once it is confirmed.
        while ((await views.next()).endpoints.length > 0);
        directory.close();
        http.close();
      });
    }

    it("says where the Unix socket is that nobody listens on", async () => {
      const reason = await asked({ CONSUL_HTTP_ADDR: `unix://${folder}/none.sock` });
      assert.match(reason, new RegExp(`^consul at unix://${folder}/none.sock did not answer \\(ENOENT\\)`));
    });
  });
}
