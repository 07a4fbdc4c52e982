/** What wakes a blocked query. */
import { isEmpty, isNotEmpty, longWaitMs, type Script, shortWaitMs } from "../script.ts";

export const scripts: Readonly<Record<string, Script>> = {
  "what wakes a blocked query": async (registry) => {
    const register = (body: object) => () => registry.askQuietly("PUT", "/v1/agent/service/register", body);
    const beat = (verb: string, note: string) => () =>
      registry.askQuietly("PUT", `/v1/agent/check/${verb}/service:w1?note=${note}`);
    const plain = { Name: "watched", ID: "w1", Meta: { a: "b" } };
    const checked = { ...plain, Check: { TTL: "1h" } };
    const changed = { ...checked, Meta: { a: "c" } };
    await registry.askQuietly("PUT", "/v1/agent/service/deregister/never-was");
    await register({ Name: "fleeting" })();
    await registry.until("/v1/catalog/service/fleeting", isNotEmpty);
    await registry.askQuietly("PUT", "/v1/agent/service/deregister/fleeting");
    await registry.until("/v1/catalog/service/fleeting", isEmpty);

    const health = "/v1/health/service/watched";
    await registry.watch("the first instance", health, longWaitMs, register(checked));
    await registry.watch("a status", health, longWaitMs, beat("pass", "x"));
    await registry.watch("a status", "/v1/health/state/any", longWaitMs, beat("warn", "x"));
    await registry.watch("a status", "/v1/health/checks/watched", longWaitMs, beat("pass", "x"));
    await registry.watch("a status", "/v1/health/state/critical", longWaitMs, beat("fail", "x"));
    await registry.watch("output alone", health, shortWaitMs, beat("fail", "y"));
    await registry.watch("a status", "/v1/catalog/services", shortWaitMs, beat("warn", "x"));
    await registry.watch("the same again", health, shortWaitMs, register(checked));
    await registry.watch("another service", health, shortWaitMs, register({ Name: "unrelated" }));
    await registry.watch("a change of meta", health, longWaitMs, register(changed));
    await registry.watch("a change of meta", "/v1/catalog/service/watched", longWaitMs, register(checked));
    await registry.watch("a change of meta", "/v1/catalog/services", longWaitMs, register(changed));
    await registry.watch("a change of meta", "/v1/health/checks/watched", shortWaitMs, register(plain));
    await registry.watch("a registration", "/v1/catalog/nodes", shortWaitMs, register({ Name: "unrelated-2" }));
    const second = { ...checked, ID: "w2" };
    await registry.watch("a second instance", health, longWaitMs, register(second));
    const remove = (id: string) => () => registry.askQuietly("PUT", `/v1/agent/service/deregister/${id}`);
    await registry.watch("one of two leaves", health, longWaitMs, remove("w2"));
    await registry.watch("maintenance", health, longWaitMs, () =>
      registry.askQuietly("PUT", "/v1/agent/service/maintenance/w1?enable=true"),
    );
    await registry.watch("the last one leaves", health, longWaitMs, remove("w1"));

    const write = (key: string, value: string) => () => registry.askQuietly("PUT", `/v1/kv/${key}`, value);
    await registry.watch("creation", "/v1/kv/watch/a", longWaitMs, write("watch/a", "1"));
    await registry.watch("a change", "/v1/kv/watch/a", longWaitMs, write("watch/a", "2"));
    await registry.watch("the same value", "/v1/kv/watch/a", shortWaitMs, write("watch/a", "2"));
    await registry.watch("another key", "/v1/kv/watch/a", shortWaitMs, write("other", "1"));
    await registry.watch("a key outside", "/v1/kv/watch/?recurse", shortWaitMs, write("other", "3"));
    await registry.watch("a key inside", "/v1/kv/watch/?recurse", longWaitMs, write("watch/b", "1"));
    await registry.watch("a key inside", "/v1/kv/watch/?keys", longWaitMs, write("watch/b", "2"));
    const removeKey = (path: string) => () => registry.askQuietly("DELETE", `/v1/kv/${path}`);
    await registry.watch("deletion", "/v1/kv/watch/a", longWaitMs, removeKey("watch/a"));
    await registry.watch("deletion inside", "/v1/kv/watch/?recurse", longWaitMs, removeKey("watch/b"));

    const ahead = await registry.get("/v1/health/service/watched?index=100000&wait=100ms");
    registry.note("an index from the future waits and answers the true one", ahead.index < 100_000);
  },
};
