/** Who may call whom: intentions, and what they decide. */
import type { Raw, Recorder } from "../../support/parity-recorder.ts";
import { longWaitMs, type Script, shortWaitMs } from "../script.ts";

const intentions = "/v1/connect/intentions";
const authorize = "/v1/agent/connect/authorize";
const nobody = "00000000-0000-0000-0000-000000000000";

async function removeAll(registry: Recorder): Promise<void> {
  const { json } = await registry.askQuietly("GET", intentions);
  for (const { ID } of json as { ID: string }[]) await registry.askQuietly("DELETE", `${intentions}/${ID}`);
}

const post = (registry: Recorder, body?: unknown): Promise<Raw> => registry.ask("POST", intentions, body);

async function quietlyPosted(registry: Recorder, source: string, destination: string, more = {}): Promise<string> {
  const body = { SourceName: source, DestinationName: destination, Action: "deny", ...more };
  const { json } = await registry.askQuietly("POST", intentions, body);
  return (json as { ID: string }).ID;
}

export const scripts: Readonly<Record<string, Script>> = {
  "what an intention may be": async (registry) => {
    await removeAll(registry);
    await registry.get(`${intentions}/match?by=source&name=none`);
    const pair = { SourceName: "a", DestinationName: "b" };
    const allowed = { ...pair, Action: "allow" };
    const long = "x".repeat(513);
    // No null: a current Consul ends the connection over one.
    const bodies: unknown[] = [
      undefined,
      "[]",
      "5",
      {},
      { Bogus: 1 },
      { SourceName: 1 },
      { SourceName: "a" },
      pair,
      { ...pair, Action: "Allow" },
      { ...pair, Action: 1 },
      { ...allowed, SourceType: "external" },
      { ...allowed, SourceType: 5 },
      { ...allowed, DefaultPort: "5" },
      { ...allowed, DefaultPort: 1.5 },
      { ...allowed, Meta: [] },
      { ...allowed, Meta: { a: 1 } },
      { ...allowed, CreatedAt: 5 },
      { ...allowed, Hash: 5 },
      { ...allowed, ModifyIndex: "x" },
      { ...allowed, Precedence: "x" },
      { ...allowed, ID: nobody },
      { ...allowed, source_name: "x" },
      { ...allowed, Description: long },
      { ...allowed, Meta: { [long.slice(0, 129)]: long } },
      { ...allowed, Meta: Object.fromEntries(Array.from({ length: 65 }, (_, number) => [`k${number}`, ""])) },
      { SourceName: "a*", DestinationName: "*b", Action: "deny" },
      { SourceName: "*", SourceNS: "a*", DestinationName: "*", DestinationNS: "*b", Action: "deny" },
      { ...allowed, SourceNS: "*" },
      { ...allowed, DestinationNS: "*" },
      allowed,
      { ...allowed, Action: "deny" },
      { SourceName: "A", DestinationName: "B", Action: "deny" },
      {
        sourcename: "c",
        DESTINATIONNAME: "b",
        Action: "allow",
        Hash: "x",
        UpdatedAt: "x",
        CreateIndex: 5,
        Precedence: 7,
      },
      { ...allowed, SourceName: "A b/é", Description: "d", Meta: { z: "1", k: "v" }, DefaultAddr: "x", DefaultPort: 4 },
    ];
    for (const body of bodies) await post(registry, body);
    for (const query of ["dc=elsewhere", "dc=dc1"]) {
      await registry.ask("POST", `${intentions}?${query}`, { ...allowed, SourceName: query });
    }
    await registry.get(intentions);
    for (const query of ["stale", "stale&consistent", "index=x", "wait=x", "dc=elsewhere", "pretty"]) {
      await registry.get(`${intentions}?${query}`);
    }
    const filters = ["x==1", "Action==deny", 'Meta.k=="v"', "Precedence!=9", "CreatedAt==1", "SourceName matches `^c`"];
    for (const filter of filters) await registry.get(`${intentions}?filter=${encodeURIComponent(filter)}`);
    for (const method of ["PUT", "DELETE", "OPTIONS"] as const) await registry.ask(method, intentions);
    for (const path of ["match", "check", nobody]) await registry.ask("OPTIONS", `${intentions}/${path}`);
    await removeAll(registry);
  },

  "namespaces in intentions": async (registry) => {
    await removeAll(registry);
    const everything = { SourceNS: "*", SourceName: "*", DestinationNS: "*", DestinationName: "*" };
    await post(registry, { ...everything, Action: "allow" });
    await post(registry, { ...everything, Action: "deny" });
    await post(registry, { SourceNS: "team", SourceName: "web", DestinationName: "db", Action: "deny" });
    await registry.get(intentions);
    for (const name of ["db", "*/*", "team/*", "team/web", "*"]) {
      await registry.get(`${intentions}/match?by=source&name=${name}`);
      await registry.get(`${intentions}/match?by=destination&name=${name}`);
    }
    await registry.get(`${intentions}/check?source=team/web&destination=db`);
    await registry.get(`${intentions}/check?source=web&destination=db`);
    for (const path of ["", "/match?by=source&name=x"]) {
      await registry.get(`${intentions}${path}${path === "" ? "?" : "&"}ns=x`);
    }
    await registry.ask("POST", `${intentions}?ns=x`, { SourceName: "ns", DestinationName: "x", Action: "deny" });
    await removeAll(registry);
  },

  "an intention's life": async (registry) => {
    await removeAll(registry);
    const id = await quietlyPosted(registry, "life", "db");
    const other = await quietlyPosted(registry, "other", "db");
    const body = { SourceName: "life", DestinationName: "db", Action: "allow" };
    for (const one of [id, id.toUpperCase(), nobody, "abc", ""]) await registry.get(`${intentions}/${one}`);
    for (const query of ["dc=elsewhere", "stale&consistent", "index=x"]) {
      await registry.get(`${intentions}/${id}?${query}`);
    }
    for (const wrong of [undefined, {}, { Action: "deny" }, { ...body, Bogus: 1 }]) {
      await registry.put(`${intentions}/${id}`, wrong);
    }
    await registry.put(`${intentions}/${id}`, { ...body, ID: "x", Description: "changed" });
    await registry.get(`${intentions}/${id}`);
    for (const one of [nobody, "abc", "", other]) await registry.put(`${intentions}/${one}`, body);
    await registry.put(`${intentions}/${id}?dc=elsewhere`, body);
    await registry.put(`${intentions}/${id}`, { ...body, SourceName: "moved", DestinationName: "*" });
    await registry.get(intentions);
    await registry.ask("POST", `${intentions}/${id}`, body);
    for (const one of [nobody, "abc", "", `${id}?dc=elsewhere`, id, id]) await registry.delete(`${intentions}/${one}`);
    await registry.get(`${intentions}/${id}`);
    await removeAll(registry);
  },

  "what intentions decide": async (registry) => {
    await removeAll(registry);
    await quietlyPosted(registry, "*", "*");
    await quietlyPosted(registry, "web", "*", { Action: "allow" });
    await quietlyPosted(registry, "*", "decided", { Action: "allow" });
    await quietlyPosted(registry, "web", "decided");
    await registry.get(intentions);
    for (const name of ["decided", "DECIDED", "web", "other", "", "*"]) {
      await registry.get(`${intentions}/match?by=destination&name=${name}`);
      await registry.get(`${intentions}/match?by=source&name=${name}`);
    }
    await registry.get(`${intentions}/match?by=destination&name=decided&name=other`);
    for (const source of ["web", "WEB", "other", "*", ""]) {
      for (const destination of ["decided", "Decided", "other"]) {
        await registry.get(`${intentions}/check?source=${source}&destination=${destination}`);
      }
    }
    const wrong = ["", "by=x", "by=source", "by=source&by=source&name=a", "by=source&name=a/b/c"];
    for (const query of [...wrong, "by=source&name=a&dc=elsewhere", "by=source&name=a&index=x"]) {
      await registry.get(`${intentions}/match?${query}`);
    }
    const pair = "source=a&destination=b";
    const more = [
      "source-type=x",
      "source-type=consul",
      "source-type=",
      "source=c",
      "dc=elsewhere",
      "index=x",
      "stale",
    ];
    for (const query of ["", "source=a", "destination=b", "source=a/b/c&destination=b", "source=a&destination=a/b/c"]) {
      await registry.get(`${intentions}/check?${query}`);
    }
    for (const query of more) await registry.get(`${intentions}/check?${pair}&${query}`);
    await registry.put(`${intentions}/match?by=source&name=a`);
    await registry.put(`${intentions}/check?${pair}`);
    await removeAll(registry);
  },

  // An agent of Consul decides by a copy of its own that follows a moment later: every target is asked about once.
  "who is authorized": async (registry) => {
    await removeAll(registry);
    await quietlyPosted(registry, "web", "authorized-1");
    await quietlyPosted(registry, "*", "authorized-2", { Action: "allow" });
    const uri = "spiffe://x.consul/ns/default/dc/dc1/svc/web";
    const ask = (body?: unknown) => registry.ask("POST", authorize, body);
    await ask({ Target: "authorized-1", ClientCertURI: uri, ClientCertSerial: "0b" });
    await ask({ target: "authorized-2", ClientCertURI: uri, ClientCertSerial: "no serial" });
    await ask({ Target: "AUTHORIZED-1", ClientCertURI: uri.replace("web", "WEB") });
    await ask({ Target: "AUTHORIZED-2", ClientCertURI: uri.replace("default", "other") });
    for (const body of [undefined, "null", "[]", {}, { Target: 1 }, { Bogus: 1 }, { Target: "t" }]) await ask(body);
    const uris = [
      "x",
      "%zz",
      uri.replace("spiffe", "http"),
      uri.replace("spiffe", "SPIFFE"),
      uri.replace("x.consul", ""),
      `${uri}/`,
      uri.replace("web", ""),
      uri.replace("web", "w%zz"),
      uri.replace("web", "%20web"),
      uri.replace("web", "a%2Fb"),
      `${uri}?query#fragment`,
      "spiffe://x.consul/agent/client/dc/dc1/id/x",
      "spiffe://x.consul",
      "spiffe://x.consul/",
      "spiffe://x",
    ];
    for (const one of uris) await ask({ Target: "unguarded", ClientCertURI: one });
    await registry.ask("POST", `${authorize}?ns=x`, { Target: "unguarded", ClientCertURI: uri });
    await registry.ask("POST", `${authorize}?dc=elsewhere`, { Target: "unguarded", ClientCertURI: uri });
    for (const method of ["GET", "OPTIONS"] as const) await registry.ask(method, authorize);
    await removeAll(registry);
  },

  "what wakes those who wait for intentions": async (registry) => {
    await removeAll(registry);
    const create = (source: string) => () => quietlyPosted(registry, source, "waiting");
    const id = await create("waits-1")();
    const update = (Action: string) => () =>
      registry.askQuietly("PUT", `${intentions}/${id}`, { SourceName: "waits-1", DestinationName: "waiting", Action });
    await registry.watch("a new one", intentions, longWaitMs, create("waits-2"));
    await registry.watch("a changed one", intentions, longWaitMs, update("allow"));
    await registry.watch("the same again", intentions, longWaitMs, update("allow"));
    const unrelated = { Name: "waits-unrelated", Port: 1 };
    await registry.watch("a service", intentions, shortWaitMs, () =>
      registry.askQuietly("PUT", "/v1/agent/service/register", unrelated),
    );
    const { index } = await registry.askQuietly("GET", intentions);
    const one = registry.askQuietly("GET", `${intentions}/${id}?index=${index}&wait=${longWaitMs}ms`);
    const match = registry.askQuietly(
      "GET",
      `${intentions}/match?by=destination&name=waiting&index=${index}&wait=${longWaitMs}ms`,
    );
    await update("deny")();
    registry.note("the one", ((await one).json as { Action: string }).Action);
    registry.note("a match", ((await match).json as Record<string, { Action: string }[]>)["waiting"]?.length);
    await registry.watch("one removed", intentions, longWaitMs, () =>
      registry.askQuietly("DELETE", `${intentions}/${id}`),
    );
    await removeAll(registry);
    await registry.askQuietly("PUT", "/v1/agent/service/deregister/waits-unrelated");
  },
};
