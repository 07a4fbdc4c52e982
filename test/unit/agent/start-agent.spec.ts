import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";

import { type RunningAgent, startAgent } from "@meshwork/agent";

/** Sends bytes as they are and gives back all that comes until the agent closes the connection. */
async function exchangeBytes(port: number, bytes: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  const closed = once(socket, "close");
  socket.write(bytes);
  await closed;
  return answer;
}

describe("starting an agent", () => {
  it("takes a free port on loopback and answers there", async () => {
    await using agent = await startAgent({ datacenter: "here", nodeName: "laptop" });
    assert.equal(agent.url, `http://127.0.0.1:${agent.port}`);
    const self = (await (await fetch(`${agent.url}/v1/agent/self`)).json()) as { Config: Record<string, unknown> };
    assert.equal(self.Config["Datacenter"], "here");
    assert.equal(self.Config["NodeName"], "laptop");
  });

  it("fails on a port in use, naming it and the way out", async () => {
    await using first = await startAgent();
    await assert.rejects(startAgent({ port: first.port }), (error: Error) => {
      assert.equal(
        error.message,
        `127.0.0.1:${first.port} is already in use: stop what listens there, or choose another port (0 takes any free one)`,
      );
      assert.equal((error.cause as NodeJS.ErrnoException).code, "EADDRINUSE");
      return true;
    });
  });

  it("listens for other machines when it is forced, under any name", async () => {
    await using agent = await startAgent({ host: "0.0.0.0", force: true });
    assert.equal(agent.url, `http://127.0.0.1:${agent.port}`);
    const head = "GET /v1/status/leader HTTP/1.1\r\nHost: registry.example\r\nConnection: close\r\n\r\n";
    assert.match(await exchangeBytes(agent.port, head), /^HTTP\/1\.1 200 /);
  });

  it("refuses production, unless it is forced", async () => {
    const before = process.env["NODE_ENV"];
    process.env["NODE_ENV"] = "production";
    try {
      await assert.rejects(startAgent(), /NODE_ENV is "production".*for development.*run a Consul, or force it/);
      await (await startAgent({ force: true })).close();
    } finally {
      if (before === undefined) delete process.env["NODE_ENV"];
      else process.env["NODE_ENV"] = before;
    }
  });

  it("refuses to listen for other machines", async () => {
    for (const host of ["0.0.0.0", "::", "192.168.0.1", "example.com", ""]) {
      await assert.rejects(startAgent({ host }), /is not a loopback address: .*use "127\.0\.0\.1"/, host);
    }
  });

  it("refuses a token that no request could carry, without showing it", async () => {
    const tokens: readonly (readonly [unknown, RegExp])[] = [
      ["", /^token is empty: give 1 to 1024 visible ASCII characters/],
      ["with blank", /^token has 10 characters, or some that are no visible ASCII/],
      ["\u00fcber", /^token has 4 characters, or some that are no visible ASCII/],
      ["x".repeat(1_025), /^token has 1025 characters/],
      ["anonymous", /^token is "anonymous", which means none: choose another/],
      [5, /^token is a number: give a string/],
    ];
    for (const [token, message] of tokens) {
      await assert.rejects(startAgent({ token: token as string }), (error: Error) => {
        assert.match(error.message, message);
        assert.ok(!error.message.includes("blank") && !error.message.includes("\u00fcber"));
        return error instanceof TypeError;
      });
    }
  });

  it("refuses a port that is none", async () => {
    for (const port of [-1, 65_536, 1.5, Number.NaN, "8500" as unknown as number]) {
      await assert.rejects(startAgent({ port }), /is not a whole number from 0 to 65535/);
    }
  });
});

describe("closing an agent", () => {
  it("ends blocked queries at once and frees the port", async () => {
    const agent = await startAgent();
    const blocked = fetch(`${agent.url}/v1/kv/absent?index=1&wait=10m`);
    await fetch(`${agent.url}/v1/status/leader`);
    const ended = assert.rejects(blocked);
    await agent.close();
    await ended;
    await agent.close();
    await (await startAgent({ port: agent.port })).close();
  });
});

describe("a running agent", () => {
  let agent: RunningAgent;

  before(async () => {
    agent = await startAgent();
  });

  after(() => agent.close());

  it("refuses requests that name another host, as rebinding pages do", async () => {
    const head = "GET /v1/agent/self HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    const answer = await exchangeBytes(agent.port, head);
    assert.match(answer, /^HTTP\/1\.1 403 /);
    assert.match(answer, /host "evil\.example" is not this machine/);
    assert.doesNotMatch(answer, /NodeID/);
  });

  it("refuses what a page from elsewhere has a browser send, though it is addressed here", async () => {
    const post = (origin: string): Promise<Response> => {
      const body = JSON.stringify({ SourceName: "*", DestinationName: "*", Action: "deny" });
      const headers = { Origin: origin, "Content-Type": "text/plain" };
      return fetch(`${agent.url}/v1/connect/intentions`, { method: "POST", body, headers });
    };
    const refused = await post("https://evil.example");
    assert.equal(refused.status, 403);
    assert.match(await refused.text(), /^origin "https:\/\/evil\.example" is not this machine/);
    assert.deepEqual(await (await fetch(`${agent.url}/v1/connect/intentions`)).json(), []);
    assert.equal((await post("http://localhost:3000")).status, 200);
  });

  it("survives what is not HTTP", async () => {
    for (const bytes of ["\r\n\r\n\0\u0001\r\n\r\n", "GET\r\n\r\n", "PUT / HTTP/1.1\r\nContent-Length: x\r\n\r\n"]) {
      assert.match(await exchangeBytes(agent.port, bytes), /^HTTP\/1\.1 400 /);
    }
    assert.equal((await fetch(`${agent.url}/v1/status/leader`)).status, 200);
  });

  it("forgets a body that never ends when its sender goes", async () => {
    const socket = connect(agent.port, "127.0.0.1");
    socket.write("PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf");
    await once(socket, "connect");
    socket.destroy();
    assert.equal((await fetch(`${agent.url}/v1/kv/a`)).status, 404);
  });

  it("takes a value of 512 KiB and not a byte more, announced or not", async () => {
    const put = (body: string): Promise<Response> => fetch(`${agent.url}/v1/kv/big`, { method: "PUT", body });
    assert.equal((await put("x".repeat(512 * 1024))).status, 200);
    const refused = await put("x".repeat(512 * 1024 + 1));
    assert.equal(refused.status, 413);
    assert.match(await refused.text(), /^Request body\(524289 bytes\) too large, max size: 524288 bytes/);

    const chunked = request(`${agent.url}/v1/kv/big`, { method: "PUT" });
    chunked.write("x".repeat(512 * 1024));
    chunked.end("x");
    const [response] = (await once(chunked, "response")) as [{ statusCode: number; resume(): void }];
    response.resume();
    assert.equal(response.statusCode, 413);
  });

  it("wakes a blocked watcher when a service registers", async () => {
    const before = await fetch(`${agent.url}/v1/health/service/late`);
    const index = before.headers.get("x-consul-index");
    const blocked = fetch(`${agent.url}/v1/health/service/late?index=${index}&wait=10m`);
    const body = JSON.stringify({ Name: "late" });
    assert.equal((await fetch(`${agent.url}/v1/agent/service/register`, { method: "PUT", body })).status, 200);
    const woken = await blocked;
    assert.equal(((await woken.json()) as unknown[]).length, 1);
    assert.ok(Number(woken.headers.get("x-consul-index")) > Number(index));
  });
});
