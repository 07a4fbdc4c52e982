import assert from "node:assert/strict";
import type { CallContext } from "../../../sdk/src/call/call-context.ts";
import { Cancellation } from "../../../sdk/src/call/cancellation.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { HealthCheckResponse_ServingStatus as Status } from "../../../sdk/src/gen/grpc/health/v1/health.ts";
import { HealthService } from "../../../sdk/src/server/health-service.ts";

/** What handlers of the health service need of a context. */
function contextOf(cancellation: Cancellation): CallContext {
  return { cancellation } as unknown as CallContext;
}

function watch(health: HealthService, service: string, cancellation = new Cancellation()) {
  return health.handlers.watch({ service }, contextOf(cancellation))[Symbol.asyncIterator]();
}

describe("the health service", () => {
  it("answers for the server and for each of its services, and knows no other", () => {
    const health = new HealthService(["lab.v1.LabService"]);
    assert.equal(health.handlers.check({ service: "" }).status, Status.NOT_SERVING);
    health.set("SERVING");
    assert.equal(health.handlers.check({ service: "lab.v1.LabService" }).status, Status.SERVING);
    assert.throws(() => health.handlers.check({ service: "other" }), { code: "NOT_FOUND", message: /other/ });
  });

  it("lists the server and all its services", () => {
    const health = new HealthService(["lab.v1.LabService"]);
    health.set("SERVING");
    const serving = { status: Status.SERVING };
    assert.deepEqual(
      health.handlers.list({}).statuses,
      new Map([
        ["", serving],
        ["lab.v1.LabService", serving],
      ]),
    );
  });

  it("tells a watcher the status now and every change, but no status twice", async () => {
    const health = new HealthService([]);
    const watching = watch(health, "");
    assert.equal((await watching.next()).value.status, Status.NOT_SERVING);
    const next = watching.next();
    health.set("NOT_SERVING");
    health.set("SERVING");
    assert.equal((await next).value.status, Status.SERVING);
    health.set("NOT_SERVING");
    assert.equal((await watching.next()).value.status, Status.NOT_SERVING);
  });

  it("tells a slow watcher where things stand, not every step that led there", async () => {
    const health = new HealthService([]);
    const watching = watch(health, "");
    await watching.next();
    health.set("SERVING");
    health.set("NOT_SERVING");
    health.set("SERVING");
    assert.equal((await watching.next()).value.status, Status.SERVING);
  });

  it("tells whoever watches an unknown service that it is unknown, and goes on", async () => {
    const health = new HealthService([]);
    const watching = watch(health, "other");
    assert.equal((await watching.next()).value.status, Status.SERVICE_UNKNOWN);
    const next = watching.next();
    health.set("SERVING");
    health.close();
    assert.equal((await next).done, true);
  });

  it("ends watches when it closes, after the last status, and tells later ones the status alone", async () => {
    const health = new HealthService([]);
    health.set("SERVING");
    const watching = watch(health, "");
    await watching.next();
    const next = watching.next();
    health.set("NOT_SERVING");
    health.close();
    assert.equal((await next).value.status, Status.NOT_SERVING);
    assert.equal((await watching.next()).done, true);
    const late = watch(health, "");
    assert.equal((await late.next()).value.status, Status.NOT_SERVING);
    assert.equal((await late.next()).done, true);
  });

  it("ends the watch of a caller that is gone", async () => {
    const health = new HealthService([]);
    const cancellation = new Cancellation();
    const watching = watch(health, "", cancellation);
    await watching.next();
    const next = watching.next();
    cancellation.cancel(new MeshError("CANCELLED", "gone"));
    assert.equal((await next).done, true);
  });
});
