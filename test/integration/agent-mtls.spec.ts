/** Two peers over TLS with nothing but what the agent gives them: they know each other, before, while and after its root changes. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type PeerCertificate, type Server, type TLSSocket } from "node:tls";
import { type RunningAgent, startAgent } from "@meshwork/agent";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { type CaLeaf, caLeaf, caRoots } from "../../sdk/src/consul/connect-ca-api.ts";
import { ConsulHttp } from "../../sdk/src/consul/consul-http.ts";
import { testCertificates } from "../support/certificates.ts";

describe("peers with the agent's certificates", () => {
  let agent: RunningAgent;
  let http: ConsulHttp;

  beforeEach(async () => {
    agent = await startAgent();
    http = new ConsulHttp({ url: agent.url }, systemClock);
  });

  afterEach(async () => {
    http.close();
    await agent.close();
  });

  const trusted = async (): Promise<string[]> => (await caRoots(http)).roots.map(({ certificate }) => certificate);

  async function rotate(): Promise<void> {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
    const PrivateKey = privateKey.export({ type: "pkcs8", format: "pem" });
    const body = { Provider: "consul", Config: { PrivateKey } };
    const { status, text } = await http.request({ method: "PUT", path: "/connect/ca/configuration", body });
    assert.equal(status, 200, text);
  }

  it("know each other", async () => {
    const [web, db, ca] = [await caLeaf(http, "web"), await caLeaf(http, "db"), await trusted()];
    assert.deepEqual(await handshake({ leaf: db, ca }, { leaf: web, ca }), { server: db.uri, client: web.uri });
  });

  it("know each other across a change of root, whoever hears of it first", async () => {
    const [oldWeb, oldDb, oldRoots] = [await caLeaf(http, "web"), await caLeaf(http, "db"), await trusted()];
    await rotate();
    // Those who ask for the first time get leaves of the new root at once.
    const [newWeb, newDb, allRoots] = [await caLeaf(http, "web-2"), await caLeaf(http, "db-2"), await trusted()];
    assert.equal(allRoots.length, 2);
    const [late, early] = [
      { web: { leaf: oldWeb, ca: oldRoots }, db: { leaf: oldDb, ca: oldRoots } },
      { web: { leaf: newWeb, ca: allRoots }, db: { leaf: newDb, ca: allRoots } },
    ];
    for (const server of [late.db, early.db]) {
      for (const client of [late.web, early.web]) {
        const known = await handshake(server, client);
        assert.deepEqual(known, { server: server.leaf.uri, client: client.leaf.uri });
      }
    }
  });

  it("do not know strangers, nor the mesh of another agent", async () => {
    await using other = await startAgent();
    const theirHttp = new ConsulHttp({ url: other.url }, systemClock);
    const [db, foreign] = [await caLeaf(http, "db"), await caLeaf(theirHttp, "web")];
    theirHttp.close();
    const server = { leaf: db, ca: await trusted() };
    const stranger = testCertificates().strangers.issue("web");
    const strange = { ...foreign, certificates: stranger.cert, privateKey: stranger.key };
    for (const leaf of [foreign, strange]) {
      await assert.rejects(
        handshake(server, { leaf, ca: server.ca }),
        /the server ended the connection|ECONNRESET|EPIPE/,
      );
    }
  });
});

interface Peer {
  readonly leaf: CaLeaf;
  readonly ca: readonly string[];
}

/** Whom each side has seen, by the URI of its certificate. */
async function handshake(server: Peer, client: Peer): Promise<{ server: string; client: string }> {
  const listening = createServer({
    cert: server.leaf.certificates,
    key: server.leaf.privateKey,
    ca: [...server.ca],
    requestCert: true,
    rejectUnauthorized: true,
  });
  // What is wrong with a client the client learns too.
  listening.on("tlsClientError", () => undefined);
  listening.listen(0, "127.0.0.1");
  await once(listening, "listening");
  try {
    return await met(listening, client);
  } finally {
    listening.close();
  }
}

async function met(listening: Server, client: Peer): Promise<{ server: string; client: string }> {
  const accepted = once(listening, "secureConnection") as Promise<[TLSSocket]>;
  const socket = connect({
    host: "127.0.0.1",
    port: (listening.address() as AddressInfo).port,
    cert: client.leaf.certificates,
    key: client.leaf.privateKey,
    ca: [...client.ca],
    checkServerIdentity: () => undefined,
  });
  try {
    // In TLS 1.3 a client is done before the server has looked at its certificate: only what the server says counts.
    const greeting = once(socket, "data");
    const refused = once(socket, "close").then(() => assert.fail("the server ended the connection"));
    const [server] = await Promise.race([accepted, refused, greeting as Promise<never>]);
    server.end("welcome");
    await greeting;
    return { server: uriOf(socket.getPeerCertificate()), client: uriOf(server.getPeerCertificate()) };
  } finally {
    socket.destroy();
  }
}

function uriOf({ subjectaltname }: PeerCertificate): string {
  return (subjectaltname ?? "").replace(/^URI:/, "");
}
