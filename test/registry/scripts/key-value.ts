/** Keys and values. */
import { modifyIndex, type Script } from "../script.ts";

export const scripts: Readonly<Record<string, Script>> = {
  "keys and values": async (registry) => {
    await registry.get("/v1/kv/a");
    await registry.get("/v1/kv/?keys");
    await registry.get("/v1/kv/?recurse");
    await registry.put("/v1/kv/a", "hello");
    await registry.put("/v1/kv/a?flags=42", "hello");
    await registry.put("/v1/kv/empty");
    const flagged = await registry.get("/v1/kv/a");
    await registry.put("/v1/kv/big?flags=18446744073709551615", "x");
    const big = await registry.get("/v1/kv/big");
    registry.note("flags of 64 bits are kept", /"Flags":\s*18446744073709551615/.test(big.body));
    await registry.put("/v1/kv/a?cas=0", "x");
    await registry.put("/v1/kv/a?cas=1", "x");
    await registry.put(`/v1/kv/a?cas=${modifyIndex(flagged.json)}`, "swapped");
    await registry.put(`/v1/kv/a?cas=${modifyIndex(flagged.json)}`, "too late");
    await registry.put("/v1/kv/new?cas=0", "created");
    await registry.put("/v1/kv/absent?cas=5", "x");
    for (const key of ["a", "empty", "new", "absent"]) {
      await registry.get(`/v1/kv/${key}`);
      await registry.get(`/v1/kv/${key}?raw`);
    }
    for (const key of ["d/", "d/b/c", "d/b/d", "d/e", "a%20b", "%C3%A9", "x%2Fy%252F"])
      await registry.put(`/v1/kv/${key}`, "v");
    for (const query of ["keys", "keys&separator=/", "keys&separator=", "recurse", "recurse&raw", "keys&recurse"]) {
      for (const prefix of ["", "d", "d/", "d/b", "d/b/", "absent"]) await registry.get(`/v1/kv/${prefix}?${query}`);
    }
    await registry.get("/v1/kv/a%20b");
    await registry.get("/v1/kv/a+b");
    await registry.delete("/v1/kv/absent");
    await registry.delete("/v1/kv/empty");
    await registry.delete("/v1/kv/new?cas=1");
    await registry.delete("/v1/kv/new?cas=0");
    await registry.delete(`/v1/kv/new?cas=${modifyIndex((await registry.get("/v1/kv/new")).json)}`);
    await registry.delete("/v1/kv/gone?cas=4");
    await registry.delete("/v1/kv/d/b/?recurse");
    await registry.delete("/v1/kv/absent?recurse");
    await registry.get("/v1/kv/?keys");
    await registry.delete("/v1/kv/?recurse");
    await registry.get("/v1/kv/?keys");
  },

  "key/value requests that are refused": async (registry) => {
    await registry.get("/v1/kv/");
    await registry.put("/v1/kv/", "v");
    await registry.delete("/v1/kv/");
    for (const query of [
      "cas=abc",
      "cas=-1",
      "cas=",
      "flags=abc",
      "flags=18446744073709551616",
      "dc=elsewhere",
      "ns=x",
    ]) {
      await registry.put(`/v1/kv/a?${query}`, "v");
    }
    await registry.put("/v1/kv/a?acquire=x&cas=1", "v");
    await registry.delete("/v1/kv/a?recurse&cas=1");
    await registry.delete("/v1/kv/a?cas=abc");
    for (const query of ["index=x", "wait=x", "dc=elsewhere", "stale&consistent"])
      await registry.get(`/v1/kv/a?${query}`);
    await registry.put("/v1/kv/full", "x".repeat(512 * 1024));
    await registry.put("/v1/kv/overfull", "x".repeat(512 * 1024 + 1));
    await registry.delete("/v1/kv/full");
  },
};
