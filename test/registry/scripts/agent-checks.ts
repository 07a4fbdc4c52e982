/** Checks that are registered on their own, checks that the agent does itself, and maintenance of the whole node. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from "node:net";
import { Server as GrpcServer, ServerCredentials } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { freePorts } from "../../support/free-port.ts";
import { isEmpty, isNotEmpty, names, type Script } from "../script.ts";

const register = "/v1/agent/check/register";
const deregister = "/v1/agent/check/deregister";

async function listening(server: Server | TcpServer): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function closed(server: Server | TcpServer): Promise<void> {
  const gone = once(server, "close");
  server.close();
  if ("closeAllConnections" in server) server.closeAllConnections();
  await gone;
}

async function refusing(): Promise<string> {
  const [port = 0] = await freePorts(1);
  return `127.0.0.1:${port}`;
}

export const scripts: Readonly<Record<string, Script>> = {
  "checks registered on their own": async (registry) => {
    await registry.put("/v1/agent/service/register", { Name: "alone", Tags: ["t"] });
    await registry.put(register, { Name: "a node's", TTL: "1h", Status: "passing", Notes: "n" });
    await registry.put(register, { Name: "named", ID: "alone-ttl", ServiceID: "alone", TTL: "1h", Status: "warning" });
    await registry.put(register, { name: "snake", service_id: "alone", ttl: "1h", Token: "t", Shell: "sh" });
    await registry.until("/v1/health/service/alone", names("snake"));
    await registry.until("/v1/health/service/alone", names("a node's"));
    await registry.get("/v1/agent/checks");
    await registry.get("/v1/health/service/alone");
    await registry.get("/v1/agent/health/service/id/alone");
    await registry.get("/v1/agent/health/service/name/alone?format=text");
    await registry.put("/v1/agent/check/pass/alone-ttl?note=fine");
    await registry.put("/v1/agent/check/pass/snake");
    await registry.put(register, { Name: "renamed", ID: "alone-ttl", ServiceID: "alone", TTL: "2h" });
    await registry.until("/v1/health/checks/alone", names("renamed"));
    await registry.until("/v1/health/service/alone?passing", isNotEmpty);
    await registry.get("/v1/health/checks/alone");
    await registry.put("/v1/agent/check/fail/a%20node's?note=broken");
    await registry.until("/v1/health/service/alone?passing", isEmpty);
    await registry.get("/v1/agent/health/service/id/alone");
    await registry.put(register, { Name: "moved", ID: "alone-ttl", TTL: "2h" });
    await registry.until("/v1/health/checks/alone", (json) => (json as unknown[]).length === 1);
    await registry.get("/v1/health/checks/alone");
    for (const id of ["a%20node's", "alone-ttl", "snake", "absent", "serfHealth", ""]) {
      await registry.put(`${deregister}/${id}`);
    }
    await registry.until("/v1/health/service/alone?passing", isNotEmpty);
    await registry.get("/v1/agent/checks");
    await registry.get("/v1/health/service/alone");
    await registry.put("/v1/agent/service/deregister/consul");
    const { json } = await registry.askQuietly("GET", "/v1/catalog/service/consul");
    registry.note("the registry's own service stays", (json as unknown[]).length);
    await registry.put("/v1/agent/service/deregister/alone");
  },

  "checks that are refused": async (registry) => {
    const bodies: unknown[] = [
      "",
      "null",
      {},
      { ID: "x", TTL: "1h" },
      { Name: 1 },
      { Name: "c", CheckID: "x" },
      { Name: "c", Bogus: 1 },
      { Name: "c", ProxyHTTP: "x" },
      { Name: "c" },
      { Name: "c", TTL: "x" },
      { Name: "c", TTL: "1h", Status: "odd" },
      { Name: "c", TTL: "1h", Interval: "1s" },
      { Name: "c", TTL: "1h", ServiceID: "absent" },
      { Name: "c", HTTP: "http://127.0.0.1" },
      { Name: "c", TCP: "127.0.0.1:1", Interval: "0s" },
      { Name: "c", GRPC: "127.0.0.1:1", Interval: "-1s" },
      { Name: "c", TCP: "127.0.0.1:1", Interval: "1s", AliasService: "x" },
      { Name: "c", AliasService: "x", TTL: "1s" },
      { Name: "c", TTL: "1h", OutputMaxSize: -1 },
      { Name: "c", TTL: "1h", OutputMaxSize: "x" },
      { Name: "c", TTL: "1h", SuccessBeforePassing: "x" },
      { Name: "c", Header: { a: "b" }, TTL: "1h" },
      { Name: "c", TLSSkipVerify: "x", TTL: "1h" },
      { Name: "c", Args: ["true"], Interval: "1s" },
      { Name: "c", Args: "true", Interval: "1s" },
      { Name: "c", ScriptArgs: ["true"] },
      { Name: "c", DockerContainerID: "x", Interval: "1s" },
    ];
    for (const body of bodies) await registry.put(register, body);
    await registry.put(`${register}?ns=x`, { Name: "c", TTL: "1h" });
    await registry.put(`${deregister}/c?ns=x`);
    await registry.ask("GET", register);
    await registry.get("/v1/agent/checks");
    const inService = (check: object) => ({ Name: "refused", Check: check });
    for (const body of bodies) {
      if (typeof body !== "object") continue;
      await registry.put("/v1/agent/service/register", inService({ ...body, Name: undefined }));
    }
    await registry.put("/v1/agent/service/deregister/refused");
  },

  "of HTTP": async (registry) => {
    const answers: ((request: IncomingMessage, response: ServerResponse) => void)[] = [];
    const seen: unknown[] = [];
    const server = createServer((request, response) => {
      const { method, url, headers } = request;
      const { host, "user-agent": agent, accept, connection, "x-a": xA } = headers;
      const shownHost = host?.replace(/\d+$/, "<port>");
      if (seen.length < 3) seen.push({ method, url, host: shownHost, agent, accept, connection, xA });
      answers[0]?.(request, response);
    });
    const address = await listening(server);
    const say = (status: number, body: string, headers: Record<string, string> = {}) => {
      answers[0] = (_request, response) => void response.writeHead(status, headers).end(body);
    };
    const shows = (text: string): Promise<unknown> => registry.until("/v1/health/checks/probed", names(text));
    try {
      say(200, "fine");
      const check = { HTTP: `http://${address}/health?x=1`, Interval: "1s", Header: { "x-a": ["1", "2"] } };
      await registry.put("/v1/agent/service/register", { Name: "probed", Check: check });
      await shows('"Status":"passing"');
      await registry.get("/v1/agent/checks");
      await registry.get("/v1/health/checks/probed");
      say(429, "busy");
      await shows('"Status":"warning"');
      await registry.get("/v1/health/checks/probed");
      say(503, "x".repeat(5_000));
      await shows('"Status":"critical"');
      await registry.get("/v1/health/checks/probed");
      say(302, "", { Location: "/elsewhere" });
      answers[0] = (request, response) => {
        if (request.url === "/elsewhere") response.end("found");
        else response.writeHead(302, { Location: "/elsewhere" }).end("moved");
      };
      await shows('"Status":"passing"');
      await registry.get("/v1/health/checks/probed");
      answers[0] = (request) => request.socket.destroy();
      await shows('"Status":"critical"');
      await registry.get("/v1/health/checks/probed");
      registry.note("what was asked first", seen[0]);
      seen.length = 0;
      say(204, "");
      const post = { HTTP: `http://${address}/`, Method: "POST", Body: "b", Header: { Host: ["h:1"], Accept: ["a"] } };
      await registry.put("/v1/agent/service/register?replace-existing-checks", {
        Name: "probed",
        Check: { CheckID: "posted", ...post, Interval: "1s", Timeout: "5s" },
      });
      await shows('"Status":"passing"');
      await registry.get("/v1/health/checks/probed");
      registry.note("what was asked with a method", seen.at(-1));
      await registry.put("/v1/agent/check/pass/posted");
    } finally {
      await registry.put("/v1/agent/service/deregister/probed");
      await closed(server);
    }
  },

  "of what is not there": async (registry) => {
    const address = await refusing();
    const checks = {
      "gone-http": { HTTP: `http://${address}/x` },
      "gone-tcp": { TCP: address },
      "gone-tcp-v6": { TCP: "[::1]:1" },
      "gone-grpc": { GRPC: address },
      "gone-scheme": { HTTP: "ftp://x" },
      "gone-port": { TCP: "127.0.0.1" },
    };
    for (const [id, check] of Object.entries(checks)) {
      await registry.put(register, { Name: id, ...check, Interval: "1s", Status: "passing" });
      const mine = (json: unknown): { Status: string; Output: string } | undefined =>
        (json as { CheckID: string; Status: string; Output: string }[]).find(({ CheckID }) => CheckID === id);
      const { json } = await registry.until("/v1/health/state/critical", (json) => mine(json) !== undefined);
      registry.note(id, mine(json)?.Output.replaceAll(/:\d+/g, ":<port>"));
      await registry.put(`${deregister}/${id}`);
    }
  },

  "of TCP": async (registry) => {
    const server = createTcpServer((socket) => socket.on("error", () => undefined));
    const address = await listening(server);
    try {
      await registry.put("/v1/agent/service/register", { Name: "dialled", Check: { TCP: address, Interval: "10ms" } });
      await registry.until("/v1/health/service/dialled?passing", isNotEmpty);
      await registry.get("/v1/health/service/dialled");
      await closed(server);
      await registry.until("/v1/health/service/dialled?passing", isEmpty);
      await registry.get("/v1/health/service/dialled");
    } finally {
      await registry.put("/v1/agent/service/deregister/dialled");
    }
  },

  "of gRPC": async (registry) => {
    const health = new HealthImplementation({ "": "SERVING", "my.Service": "NOT_SERVING" });
    const server = new GrpcServer();
    health.addToServer(server);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    const address = `127.0.0.1:${port}`;
    try {
      const checks = [
        { CheckID: "whole", GRPC: address, Interval: "1s" },
        { CheckID: "one", GRPC: `${address}/my.Service`, Interval: "1s", Status: "passing" },
        { CheckID: "unknown", GRPC: `${address}/no.Service`, Interval: "1s", Status: "passing" },
      ];
      await registry.put("/v1/agent/service/register", { Name: "asked", Checks: checks });
      await registry.until("/v1/health/checks/asked", (json) => {
        const status = new Map((json as { CheckID: string; Status: string }[]).map((c) => [c.CheckID, c.Status]));
        return (
          status.get("whole") === "passing" && status.get("one") === "critical" && status.get("unknown") !== "passing"
        );
      });
      await registry.get("/v1/health/checks/asked");
      health.setStatus("my.Service", "SERVING");
      await registry.until("/v1/health/checks/asked", names("/my.Service: success"));
      await registry.get("/v1/health/checks/asked");
    } finally {
      await registry.put("/v1/agent/service/deregister/asked");
      server.forceShutdown();
    }
  },

  aliases: async (registry) => {
    const aliased = "/v1/health/checks/alias";
    await registry.put("/v1/agent/service/register", {
      Name: "alias",
      Check: { AliasService: "original", Status: "passing" },
    });
    await registry.until(aliased, names("could not be found"));
    await registry.get(aliased);
    await registry.put("/v1/agent/service/register", { Name: "original" });
    await registry.until(aliased, names('"Status":"passing"'));
    await registry.get(aliased);
    await registry.put(register, { Name: "one", ServiceID: "original", TTL: "1h", Status: "passing" });
    await registry.until("/v1/health/checks/original", isNotEmpty);
    await registry.put("/v1/agent/check/warn/one?note=slow");
    await registry.until(aliased, names('"Status":"warning"'));
    await registry.get(aliased);
    await registry.put("/v1/agent/check/fail/one?note=dead");
    await registry.until(aliased, names('"Status":"critical"'));
    await registry.get(aliased);
    await registry.put("/v1/agent/check/pass/one?note=well");
    await registry.until(aliased, names('"Status":"passing"'));
    await registry.get(aliased);
    await registry.put("/v1/agent/service/deregister/original");
    await registry.until(aliased, names('"Status":"critical"'));
    await registry.get(aliased);
    await registry.put("/v1/agent/service/deregister/alias");
  },

  "aliases of other nodes": async (registry) => {
    const aliased = "/v1/health/checks/far";
    const node = { Node: "ext-original", Address: "10.0.0.1" };
    const check = { Name: "c", ServiceID: "far-original" };
    await registry.put("/v1/catalog/register", {
      ...node,
      Service: { Service: "far-original" },
      Check: { ...check, Status: "passing" },
    });
    await registry.put("/v1/agent/service/register", {
      Name: "far",
      Check: { AliasNode: "ext-original", AliasService: "far-original" },
    });
    await registry.until(aliased, names('"Status":"passing"'));
    await registry.get(aliased);
    await registry.put("/v1/catalog/register", { ...node, Check: { ...check, Status: "critical", Output: "o" } });
    await registry.until(aliased, names('"Status":"critical"'));
    await registry.get(aliased);
    await registry.put("/v1/agent/service/deregister/far");
  },

  "thresholds before a check turns": async (registry) => {
    let status = 200;
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      response.writeHead(status).end();
    });
    const address = await listening(server);
    const path = "/v1/health/checks/patient";
    try {
      const thresholds = { SuccessBeforePassing: 2, FailuresBeforeCritical: 2 };
      const check = { HTTP: `http://${address}`, Interval: "1s", ...thresholds };
      await registry.put("/v1/agent/service/register", { Name: "patient", Check: check });
      await registry.until(path, names('"Status":"passing"'));
      registry.note("looks until it passes first", asked);
      status = 500;
      asked = 0;
      await registry.until(path, names('"Status":"critical"'));
      registry.note("failures until it is critical", asked);
      status = 200;
      asked = 0;
      await registry.until(path, names('"Status":"passing"'));
      registry.note("successes until it passes again", asked);
    } finally {
      await registry.put("/v1/agent/service/deregister/patient");
      await closed(server);
    }
  },

  "maintenance of the node": async (registry) => {
    const enable = "/v1/agent/maintenance?enable";
    await registry.put("/v1/agent/service/register", { Name: "housed" });
    await registry.until("/v1/health/service/housed?passing", isNotEmpty);
    try {
      await registry.put(`${enable}=true&reason=flood`);
      await registry.put(`${enable}=true&reason=fire`);
      await registry.until("/v1/health/service/housed?passing", isEmpty);
      await registry.get("/v1/agent/checks");
      await registry.get("/v1/health/service/housed");
      await registry.get("/v1/agent/health/service/id/housed");
      await registry.get("/v1/agent/health/service/name/housed?format=text");
    } finally {
      await registry.put(`${enable}=false`);
    }
    await registry.until("/v1/health/service/housed?passing", isNotEmpty);
    await registry.put(`${enable}=0`);
    await registry.put(`${enable}=1`);
    await registry.get("/v1/agent/checks");
    await registry.put(`${enable}=f`);
    await registry.until("/v1/health/service/housed?passing", isNotEmpty);
    await registry.put("/v1/agent/maintenance");
    await registry.put(`${enable}=perhaps`);
    await registry.put(enable);
    await registry.put("/v1/agent/service/deregister/housed");
  },
};
