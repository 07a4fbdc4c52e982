import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createPlainServer } from "node:http";
import { createServer, type Server, type ServerOptions } from "node:https";
import type { AddressInfo, ListenOptions } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterEach, describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import type { ConsulTls } from "../../../sdk/src/consul/consul-tls.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { testCertificates } from "../../support/certificates.ts";

const SELF = { method: "GET", path: "/agent/self" } as const;
const { ca, server: certified, client, strangers } = testCertificates();

describe("TLS to Consul", () => {
  const servers: Server[] = [];
  const clients: ConsulHttp[] = [];

  afterEach(async () => {
    for (const one of clients.splice(0)) one.close();
    for (const one of servers.splice(0)) {
      one.closeAllConnections();
      one.close();
      await once(one, "close");
    }
  });

  /** Answers with the name of whoever asks and the name that was asked for. */
  async function serve(options: ServerOptions = {}, where: ListenOptions = { port: 0, host: "127.0.0.1" }) {
    const server = createServer({ ...certified, ...options }, (request, response) => {
      const socket = request.socket as TLSSocket;
      const { subject } = socket.getPeerCertificate();
      response.end(`${String(subject?.CN ?? "nobody")} to ${socket.servername || "no name"}`);
    });
    server.listen(where);
    await once(server, "listening");
    servers.push(server);
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  function connect(url: string, tls: ConsulTls, socketPath?: string): ConsulHttp {
    const http = new ConsulHttp({ url, tls, socketPath }, new VirtualClock());
    clients.push(http);
    return http;
  }

  async function failure(http: ConsulHttp): Promise<string> {
    const got = await http.exchange(SELF);
    assert.ok(!got.answered, "the request was answered");
    assert.equal(got.error.code, "UNAVAILABLE");
    return got.error.reason;
  }

  it("trusts the CA that it is given, by address and by name", async () => {
    const url = await serve();
    assert.equal((await connect(url, { ca }).request(SELF)).text, "nobody to no name");
    assert.equal((await connect(url, { ca, serverName: "localhost" }).request(SELF)).text, "nobody to localhost");
    assert.equal((await connect(url, { ca, serverName: "127.0.0.1" }).request(SELF)).text, "nobody to no name");
    assert.equal((await connect(url, { ca: [strangers.ca, ca] }).request(SELF)).text, "nobody to no name");
  });

  it("shows its certificate to a Consul that asks for one", async () => {
    const url = await serve({ ca, requestCert: true, rejectUnauthorized: true });
    assert.equal((await connect(url, { ca, ...client }).request(SELF)).text, "test client to no name");
  });

  it("says what to do about each handshake that fails", async () => {
    const url = await serve();
    assert.match(await failure(connect(url, {})), /TLS: the server's .* not signed .*; give the CA .* CONSUL_CACERT/);
    assert.match(await failure(connect(url, { ca: strangers.ca })), /TLS: .* not signed .* CONSUL_CACERT/);
    for (const serverName of ["server.dc1.consul", "127.0.0.2"]) {
      assert.match(await failure(connect(url, { ca, serverName })), /TLS: .* other names .* CONSUL_TLS_SERVER_NAME/);
    }
  });

  it("says what to do where nobody speaks TLS", async () => {
    const plain = createPlainServer((_request, response) => response.end()).listen(0, "127.0.0.1");
    await once(plain, "listening");
    const url = `https://127.0.0.1:${(plain.address() as AddressInfo).port}`;
    assert.match(
      await failure(connect(url, { ca })),
      /TLS: the server does not speak TLS .*; write http:\/\/ in CONSUL/,
    );
    plain.closeAllConnections();
    plain.close();
    await once(plain, "close");
  });

  it("takes any certificate when told not to verify", async () => {
    const url = await serve(strangers.issue("nobody we know"));
    assert.equal((await connect(url, { verify: false }).request(SELF)).status, 200);
    await failure(connect(url, { verify: true }));
  });

  it("goes over a Unix socket, to localhost or the name that it is given", async () => {
    const folder = await mkdtemp(join(tmpdir(), "consul-tls-"));
    const socketPath = join(folder, "https.sock");
    await serve({}, { path: socketPath });
    assert.equal((await connect("https://localhost", { ca }, socketPath).request(SELF)).text, "nobody to localhost");
    const other = connect("https://localhost", { ca, serverName: "server.dc1.consul" }, socketPath);
    assert.match(await failure(other), /other names/);
    await rm(folder, { recursive: true });
  });

  it("is refused before anything connects when it cannot be used", () => {
    const https = "https://127.0.0.1:1";
    for (const [url, tls, reason] of [
      ["http://127.0.0.1:1", { ca }, /^consul.tls is given, but http:\/\/127.0.0.1:1 is spoken to in the clear/],
      [https, { ca: "x" }, /^consul.tls.ca is no certificate/],
      [https, { cert: client.cert }, /^consul.tls.cert is given without its private key: give consul.tls.key too/],
      [https, { key: client.key }, /^consul.tls.key is given without its certificate/],
      [https, { cert: client.cert, key: certified.key }, /^consul.tls.cert and consul.tls.key cannot be used together/],
    ] as const) {
      assert.throws(
        () => new ConsulHttp({ url, tls }, new VirtualClock()),
        (error) => error instanceof MeshError && error.code === "INVALID_ARGUMENT" && reason.test(error.reason),
        String(reason),
      );
    }
  });
});
