/** Load reports (gRFC A51) of grpc-go's servers, and the mesh's as grpc-go reads them. */
import assert from "node:assert/strict";
import { createMesh, type LoadReport, type PickPolicyFactory } from "@meshwork/sdk";
import { ALONE } from "../support/greeter-mesh.ts";
import { recordedLog } from "../support/logs.ts";
import { notRun } from "../support/not-run.ts";
import { TestService } from "./gen/grpc/testing/test.mesh.ts";
import { GO_BUILD_TIMEOUT_MS, GrpcGo } from "./grpc-go.ts";
import { startInteropServer } from "./interop-server.ts";

describe("load reports and grpc-go", () => {
  let go: GrpcGo;

  before(function () {
    this.timeout(GO_BUILD_TIMEOUT_MS);
    const built = GrpcGo.build();
    if (!(built instanceof GrpcGo)) {
      notRun("load reports and grpc-go", "go", `grpc-go's side could not be built: ${built}`);
      return this.skip();
    }
    go = built;
  });

  after(() => go?.remove());

  for (const transport of ["native", "grpc-js"] as const) {
    it(`over ${transport}, those of its servers are understood`, async () => {
      const heard: LoadReport[] = [];
      const listening: PickPolicyFactory = () => ({
        name: "listening",
        pick: ([first]) => first!,
        reported: (_, report) => void heard.push(report),
      });
      const server = await go.startServer();
      const mesh = createMesh({ ...ALONE, transport, log: recordedLog().log, pickPolicies: { listening } });
      const target = `static:///${server.address}`;
      await mesh.client(TestService, { target, balancing: "listening" }).emptyCall({});
      await mesh.close();
      await server.close();
      assert.deepEqual(heard, [{ inFlight: undefined, latencyMs: undefined, utilization: 0.5, qps: 120.5, eps: 1.5 }]);
    });

    it(`over ${transport}, the mesh's are understood by it`, async () => {
      const server = await startInteropServer(transport);
      const { namedMetrics } = await go.loadOf(server.address);
      await server.close();
      assert.equal(namedMetrics["meshwork.in_flight"], 0);
      assert.ok(namedMetrics["meshwork.latency_ms"]! > 0);
    });
  }
});
