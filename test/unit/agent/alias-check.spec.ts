import assert from "node:assert/strict";

import { AliasCheck, aliasedOutcome, aliasRefreshMs, type AliasView } from "../../../agent/src/checks/alias-check.ts";
import type { Outcome } from "../../../agent/src/checks/running-check.ts";
import type { AliasMethod } from "../../../agent/src/state/check-spec.ts";
import type { CheckContent } from "../../../agent/src/state/service.ts";
import { agentState, check, service, ttl } from "./fixtures.ts";
import { ManualClock } from "./manual-clock.ts";

const method: AliasMethod = { kind: "alias", node: "", serviceId: "shop" };

function content(name: string, status: string, serviceId = "shop"): CheckContent {
  const nobodys = { notes: "", type: "ttl", serviceName: serviceId, serviceTags: [] };
  return { ...nobodys, id: name, name, serviceId, status, output: `${name} says so` };
}

function viewOf(checks: readonly CheckContent[], ...services: readonly string[]): AliasView {
  return { checks: () => checks, hasService: (id) => services.includes(id) };
}

describe("the outcome of an alias", () => {
  it("is critical while there is no such service, and says where it was looked for", () => {
    assert.deepEqual(aliasedOutcome({ ...method, node: "hall" }, viewOf([content("serf", "passing", "")])), {
      status: "critical",
      output: "Service shop could not be found on node hall",
    });
  });

  it("passes for a service that has no checks", () => {
    assert.deepEqual(aliasedOutcome(method, viewOf([], "shop")), { status: "passing", output: "No checks found." });
  });

  it("passes while all checks of the service and of its node do", () => {
    const checks = [content("a", "passing"), content("node", "passing", ""), content("other", "critical", "other")];
    assert.deepEqual(aliasedOutcome(method, viewOf(checks)), { status: "passing", output: "All checks passing." });
  });

  it("names the first check that is critical, whatever warns", () => {
    const checks = [content("a", "warning"), content("b", "critical"), content("c", "critical")];
    assert.deepEqual(aliasedOutcome(method, viewOf(checks)), {
      status: "critical",
      output: 'Aliased check "b" failing: b says so',
    });
  });

  it("names the last check that warns", () => {
    const checks = [content("a", "warning"), content("b", "warning"), content("c", "passing")];
    assert.deepEqual(aliasedOutcome(method, viewOf(checks)), {
      status: "warning",
      output: 'Aliased check "b" failing: b says so',
    });
  });

  it("counts the checks of the node as its own", () => {
    const checks = [content("a", "passing"), content("disk", "critical", "")];
    assert.equal(aliasedOutcome(method, viewOf(checks)).output, 'Aliased check "disk" failing: disk says so');
  });
});

describe("an alias check", () => {
  function started() {
    const clock = new ManualClock();
    const outcomes: Outcome[] = [];
    const checks: CheckContent[] = [content("a", "passing")];
    let wake = (): void => undefined;
    let watching = true;
    const alias = new AliasCheck({
      method,
      view: viewOf(checks),
      clock,
      report: (outcome) => outcomes.push(outcome),
      watch: (told) => {
        wake = told;
        return () => (watching = false);
      },
    });
    return { clock, outcomes, checks, alias, wake: () => wake(), watching: () => watching };
  }

  it("does nothing before it is asked to", () => {
    const { outcomes, clock } = started();
    assert.deepEqual([outcomes.length, clock.pending], [0, 0]);
  });

  it("looks again when it is told of a change, and a minute after each look", () => {
    const { alias, outcomes, checks, clock, wake } = started();
    alias.refresh();
    clock.advance(aliasRefreshMs - 1);
    assert.equal(outcomes.length, 1);
    checks[0] = content("a", "warning");
    wake();
    clock.advance(aliasRefreshMs - 1);
    assert.equal(outcomes.length, 2);
    checks[0] = content("a", "critical");
    clock.advance(1);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ["passing", "warning", "critical"],
    );
    assert.equal(clock.pending, 1);
  });

  it("is silent once it is stopped, and leaves no timer and no watch", () => {
    const { alias, outcomes, clock, wake, watching } = started();
    alias.refresh();
    alias.stop();
    alias.stop();
    wake();
    alias.refresh();
    clock.advance(2 * aliasRefreshMs);
    assert.deepEqual([outcomes.length, clock.pending, watching()], [1, 0, false]);
  });
});

describe("an alias in the agent", () => {
  const aliasOf = (serviceId: string, node = "") => check({ kind: "alias", node, serviceId }, { status: "critical" });

  it("follows its service at once: when it comes, changes and goes", () => {
    const { registry } = agentState();
    registry.register(service("front"), [aliasOf("shop")], "keep");
    const status = (): string | undefined => registry.check("service:front")?.status;
    assert.equal(status(), "critical");
    registry.register(service("shop"), [ttl(60_000)], "keep");
    assert.equal(status(), "passing");
    registry.heartbeat("service:shop", "warning", "");
    assert.equal(status(), "warning");
    registry.startMaintenance(service("shop"), "cleaning");
    assert.equal(status(), "critical");
    registry.endMaintenance(service("shop"));
    assert.equal(status(), "warning");
    registry.deregister("shop");
    assert.equal(status(), "critical");
  });

  it("of an alias of it comes to rest", () => {
    const { registry, clock } = agentState();
    registry.register(service("a"), [aliasOf("b"), ttl(60_000, { id: "a-beat" })], "keep");
    registry.register(service("b"), [aliasOf("a")], "keep");
    registry.heartbeat("a-beat", "critical", "");
    assert.deepEqual(
      ["service:a:1", "service:b"].map((id) => registry.check(id)?.status),
      ["critical", "critical"],
    );
    registry.close();
    assert.equal(clock.pending, 0);
  });

  it("of another node's service follows the catalog, until it is removed", () => {
    const { registry, catalog, journal } = agentState();
    const hall = { id: "", name: "hall", datacenter: "dc1", address: "10.0.0.7", taggedAddresses: null, meta: null };
    registry.register(service("front"), [aliasOf("printer", "hall")], "keep");
    const status = (): string | undefined => registry.check("service:front")?.status;
    assert.equal(status(), "critical");
    const paper = content("paper", "passing", "printer");
    catalog.register({ node: hall, service: service("printer"), checks: [paper] });
    assert.equal(status(), "passing");
    catalog.register({ node: hall, checks: [{ ...paper, status: "warning" }] });
    assert.equal(status(), "warning");
    catalog.deregisterNode("hall");
    assert.equal(status(), "critical");
    registry.deregister("front");
    assert.equal(journal.waiting, 0);
  });
});
