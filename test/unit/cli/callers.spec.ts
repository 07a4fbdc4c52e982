import assert from "node:assert/strict";
import picocolors from "picocolors";
import { describeCallers } from "../../../cli/src/ls/callers.ts";

describe("who calls a service", () => {
  it("is told with the policy, who chose it, and why an instance is out or has little", () => {
    const endpoint = { address: "127.0.0.1:1", weight: 1, connection: "ready", inFlight: 1, picks: 7 } as const;
    const client = { target: "consul:///greeter", freshness: "live", known: 3, panicking: false } as const;
    const ejected = { reason: "latency", forMs: 5_000, triedInMs: 24_001 } as const;
    const callers = [
      {
        ...client,
        caller: "cart-1",
        policy: "prequal",
        chosenBy: "consul" as const,
        endpoints: [
          { ...endpoint, id: "a", costMs: 2.04 },
          { ...endpoint, id: "b", share: 0.1 },
          { ...endpoint, id: "c", ejected },
        ],
      },
      { ...client, caller: "cart-2", policy: "p2c", endpoints: [{ ...endpoint, id: "a" }] },
    ];
    assert.deepEqual(describeCallers(callers, picocolors.createColors(false)).split("\n"), [
      "CALLER  POLICY            CALLS  PICKS  IN FLIGHT  COST    STATE",
      "cart-1  prequal (Consul)  a      7      1          2.0 ms  ready",
      "cart-1  prequal (Consul)  b      7      1          -       ready, new: 10 % of its weight",
      "cart-1  prequal (Consul)  c      7      1          -       out for latency since 5 s, tried in 25 s",
      "cart-2  p2c               a      7      1          -       ready",
    ]);
  });
});
