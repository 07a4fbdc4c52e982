import assert from "node:assert/strict";

import { defaultMaxOutputBytes } from "../../../agent/src/checks/running-check.ts";
import { reapIntervalMs, UnknownTtlError } from "../../../agent/src/state/registry.ts";
import { agentState, service, ttl } from "./fixtures.ts";

const id = "service:shop";
const minuteMs = 60_000;

describe("a TTL check", () => {
  it("turns critical when no heartbeat comes in time, and says what the last one said", () => {
    const { registry, clock } = agentState();
    registry.register(service("shop"), [ttl(3_000)], "keep");
    registry.heartbeat(id, "passing", "all fine");
    clock.advance(2_999);
    assert.equal(registry.check(id)?.status, "passing");
    clock.advance(1);
    assert.equal(registry.check(id)?.status, "critical");
    assert.equal(registry.check(id)?.output, "TTL expired (last output before timeout follows): all fine");
  });

  it("has nothing to quote when it never heard a heartbeat", () => {
    const { registry, clock } = agentState();
    registry.register(service("shop"), [ttl(3_000)], "keep");
    clock.advance(3_000);
    assert.equal(registry.check(id)?.output, "TTL expired");
  });

  it("starts its time again with every heartbeat, whatever that says", () => {
    const { registry, clock } = agentState();
    registry.register(service("shop"), [ttl(1_000)], "keep");
    for (const status of ["passing", "warning", "critical", "passing"] as const) {
      clock.advance(999);
      registry.heartbeat(id, status, "");
      assert.equal(registry.check(id)?.status, status);
    }
    clock.advance(999);
    assert.equal(registry.check(id)?.status, "passing");
  });

  it("comes back with a heartbeat after it ran out", () => {
    const { registry, clock } = agentState();
    registry.register(service("shop"), [ttl(1_000)], "keep");
    clock.advance(5_000);
    registry.heartbeat(id, "passing", "");
    assert.equal(registry.check(id)?.status, "passing");
  });

  it("keeps what is known when it is registered again, and takes the new time", () => {
    const { registry, clock } = agentState();
    registry.register(service("shop"), [ttl(1_000)], "keep");
    registry.heartbeat(id, "warning", "slow");
    registry.register(service("shop"), [ttl(10_000, { status: "passing" })], "replace");
    assert.equal(registry.check(id)?.status, "warning");
    assert.equal(registry.check(id)?.output, "slow");
    clock.advance(9_999);
    assert.equal(registry.check(id)?.status, "warning");
    clock.advance(1);
    assert.equal(registry.check(id)?.status, "critical");
  });

  it("is gone, timer and all, with its service or when it is replaced", () => {
    const { registry, clock } = agentState();
    const idle = clock.pending;
    registry.register(service("shop"), [ttl(1_000), ttl(1_000)], "keep");
    registry.register(service("shop"), [ttl(1_000, { id: "new" })], "replace");
    assert.deepEqual(
      registry.checks().map((check) => check.id),
      ["new"],
    );
    assert.equal(clock.pending, idle + 1);
    registry.deregister("shop");
    assert.deepEqual(registry.checks(), []);
    assert.equal(clock.pending, idle);
    registry.close();
    assert.equal(clock.pending, 0);
  });

  it("that does not exist cannot be beaten, nor can a check of another kind", () => {
    const { registry } = agentState();
    registry.register(service("shop"), [], "keep");
    registry.startMaintenance(service("shop"), "");
    for (const absent of ["none", "_service_maintenance:shop", "serfHealth"]) {
      assert.throws(
        () => registry.heartbeat(absent, "passing", ""),
        new UnknownTtlError(absent),
        `CheckID "${absent}" does not have associated TTL`,
      );
    }
  });

  it("keeps the beginning of a long output and says how much there was", () => {
    const { registry } = agentState();
    registry.register(service("shop"), [ttl(1_000)], "keep");
    registry.heartbeat(id, "passing", "x".repeat(defaultMaxOutputBytes + 1));
    const expected = `${"x".repeat(defaultMaxOutputBytes)} ... (captured ${defaultMaxOutputBytes} of ${defaultMaxOutputBytes + 1} bytes)`;
    assert.equal(registry.check(id)?.output, expected);
  });
});

describe("deregistering what stays critical", () => {
  /** Registers a check that is never beaten and says after how long its service went. */
  function removedAfter(deregisterAfterMs: number): number {
    const { registry, clock } = agentState();
    registry.register(service("shop"), [ttl(1_000, { status: "critical", deregisterAfterMs })], "keep");
    while (registry.service("shop") !== undefined) {
      clock.advance(1_000);
      assert.ok(clock.now() < 60 * minuteMs, "it was never removed");
    }
    return clock.now();
  }

  it("happens at the first look after the time is over", () => {
    assert.equal(removedAfter(70_000), 3 * reapIntervalMs);
    assert.equal(removedAfter(5 * minuteMs), 5 * minuteMs + reapIntervalMs);
  });

  it("takes a minute at least, however little was asked for", () => {
    assert.equal(removedAfter(1), minuteMs + reapIntervalMs);
  });

  it("never happens unasked", () => {
    const { registry, clock } = agentState();
    registry.register(service("shop"), [ttl(1_000)], "keep");
    clock.advance(24 * 60 * minuteMs);
    assert.notEqual(registry.service("shop"), undefined);
  });

  it("counts from the latest turn to critical", () => {
    const { registry, clock } = agentState();
    registry.register(service("shop"), [ttl(1_000, { deregisterAfterMs: 2 * minuteMs })], "keep");
    clock.advance(2 * minuteMs);
    registry.heartbeat(id, "passing", "");
    clock.advance(2 * minuteMs);
    assert.notEqual(registry.service("shop"), undefined);
    clock.advance(minuteMs);
    assert.equal(registry.service("shop"), undefined);
  });

  it("goes on counting through heartbeats that say critical and through registering again", () => {
    const { registry, clock } = agentState();
    const check = ttl(10 * minuteMs, { status: "critical", deregisterAfterMs: minuteMs });
    registry.register(service("shop"), [check], "keep");
    clock.advance(40_000);
    registry.heartbeat(id, "critical", "still");
    registry.register(service("shop"), [check], "keep");
    clock.advance(50_000);
    assert.equal(registry.service("shop"), undefined);
  });
});

describe("maintenance", () => {
  it("is a critical check with the first reason, until it is ended", () => {
    const { registry } = agentState();
    registry.register(service("shop"), [ttl(1_000)], "keep");
    registry.startMaintenance(service("shop"), "deploy");
    registry.startMaintenance(service("shop"), "later reason");
    assert.equal(registry.check("_service_maintenance:shop")?.status, "critical");
    assert.equal(registry.check("_service_maintenance:shop")?.notes, "deploy");
    registry.endMaintenance(service("shop"));
    registry.endMaintenance(service("shop"));
    assert.equal(registry.check("_service_maintenance:shop"), undefined);
  });
});
