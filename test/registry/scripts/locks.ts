/** Keys that sessions hold. */
import { setTimeout as delay } from "node:timers/promises";
import type { Recorder } from "../../support/parity-recorder.ts";
import { longWaitMs, modifyIndex, newSession, type Script } from "../script.ts";

/** Between looks at whether a lock delay is over: nothing announces its end. */
const lookEveryMs = 50;

async function destroy(registry: Recorder, ...ids: readonly string[]): Promise<void> {
  for (const id of ids) await registry.put(`/v1/session/destroy/${id}`);
}

export const scripts: Readonly<Record<string, Script>> = {
  "taking and giving back": async (registry) => {
    const a = await newSession(registry, { LockDelay: 0 });
    const b = await newSession(registry, { LockDelay: 0 });
    const put = async (query: string, value = "v", key = "lock/a"): Promise<void> => {
      await registry.put(`/v1/kv/${key}?${query}`, value);
      await registry.get(`/v1/kv/${key}`);
    };
    await put(`release=${a}`);
    await put(`acquire=${a}`);
    await put(`acquire=${a}`);
    await put(`acquire=${a}&flags=7`, "other");
    await put(`acquire=${b}`);
    await put(`acquire=${a.toUpperCase()}`);
    await put(`release=${b}`);
    await put(`release=${a.toUpperCase()}`);
    await put("flags=3", "written past the lock");
    await put(`acquire=${a}`, "again");
    const { json } = await registry.get("/v1/kv/lock/a");
    await put(`cas=${modifyIndex(json)}`, "swapped under the lock");
    await put(`release=${a}`, "free");
    await put(`release=${a}`, "free");
    await put(`acquire=${b}&flags=18446744073709551615`, "next");
    await put(`acquire=${b.toUpperCase()}`, "upper", "lock/upper");
    await registry.delete("/v1/kv/lock/a");
    await put(`acquire=${b}`, "new");
    await registry.get("/v1/kv/lock/?recurse");
    await registry.get("/v1/kv/lock/?keys");
    await registry.get("/v1/kv/lock/a?raw");
    await destroy(registry, a, b);
    await registry.get("/v1/kv/lock/?recurse");
    await registry.delete("/v1/kv/lock/?recurse");
  },

  "locks that are refused": async (registry) => {
    const nobody = "00000000-0000-0000-0000-000000000000";
    for (const id of ["", "abc", nobody, "z".repeat(36)]) {
      await registry.put(`/v1/kv/lock/bad?acquire=${id}`, "v");
      await registry.put(`/v1/kv/lock/bad?release=${id}`, "v");
    }
    for (const query of ["acquire=a&release=a", "acquire=a&cas=1", "release=a&cas=1", "release=x&acquire=x&cas=1"]) {
      await registry.put(`/v1/kv/lock/bad?${query}`, "v");
    }
    for (const query of ["acquire=x&flags=y", "acquire=x&dc=elsewhere", "acquire=x&ns=x", "index=x", "wait=x"]) {
      await registry.put(`/v1/kv/lock/bad?${query}`, "v");
      await registry.delete(`/v1/kv/lock/bad?${query}`);
    }
    await registry.put("/v1/kv/lock/bad?stale&consistent", "v");
    await registry.put("/v1/kv/?acquire=x", "v");
    await registry.get("/v1/kv/lock/?keys&seperator=/");
  },

  "what is left of a session's keys": async (registry) => {
    for (const Behavior of ["release", "delete"]) {
      const id = await newSession(registry, { Behavior, LockDelay: 0 });
      for (const key of ["x", "y"]) await registry.put(`/v1/kv/left/${Behavior}/${key}?acquire=${id}`, key);
      await registry.put(`/v1/kv/left/${Behavior}/z`, "nobody's");
      await destroy(registry, id);
      await registry.get(`/v1/kv/left/${Behavior}/?recurse`);
    }
    await registry.delete("/v1/kv/left/?recurse");
  },

  "a lock delay": async (registry) => {
    const lost = await newSession(registry, { LockDelay: "1s" });
    const next = await newSession(registry, { LockDelay: 0 });
    const key = "/v1/kv/delayed";
    await registry.put(`${key}?acquire=${lost}`, "v");
    await registry.put(`/v1/kv/given-back?acquire=${lost}`, "v");
    await registry.put(`/v1/kv/given-back?release=${lost}`, "v");
    await destroy(registry, lost);
    await registry.put(`${key}?acquire=${next}`, "v");
    await registry.put(`${key}?acquire=absent`, "v");
    await registry.put(`/v1/kv/given-back?acquire=${next}`, "v");
    await registry.put(key, "written in the meantime");
    await registry.delete(key);
    await registry.put(`${key}?acquire=${next}`, "v");
    const attempts = longWaitMs / lookEveryMs;
    for (let attempt = 0; attempt < attempts; attempt++) {
      if ((await registry.askQuietly("PUT", `${key}?acquire=${next}`, "v")).json === true) break;
      await delay(lookEveryMs);
    }
    await registry.get(key);
    await destroy(registry, next);
    for (const one of [key, "/v1/kv/given-back"]) await registry.delete(one);
  },

  "watches of locks": async (registry) => {
    const holder = await newSession(registry, { LockDelay: 0 });
    const put = (query: string) => () => registry.askQuietly("PUT", `/v1/kv/held/a?${query}`, "v");
    await registry.watch("the lock is taken", "/v1/kv/held/a", longWaitMs, put(`acquire=${holder}`));
    await registry.watch("the lock is given back", "/v1/kv/held/a", longWaitMs, put(`release=${holder}`));
    await registry.watch("the lock is taken", "/v1/kv/held/?recurse", longWaitMs, put(`acquire=${holder}`));
    await registry.watch("the holder is gone", "/v1/kv/held/a", longWaitMs, () =>
      registry.askQuietly("PUT", `/v1/session/destroy/${holder}`),
    );
    await registry.delete("/v1/kv/held/a");
  },
};
