/** One end of one side, told what to do over IPC: `peer.ts <server | client> <side>`. */
import { createHistogram } from "node:perf_hooks";
import { AllocationWatch } from "./allocation-watch.ts";
import { bareGrpcJs } from "./bare-grpc-js.ts";
import type { NodeSide, PeerReply, PeerRequest, Role } from "./peer-process.ts";
import type { Caller, PeerSide } from "./side.ts";

const BYTES_PER_MB = 1024 * 1024;
const NANOSECONDS_PER_MS = 1e6;

const [, , role, name] = process.argv as [string, string, Role, NodeSide];
let caller: Caller | undefined;
let watch: AllocationWatch | undefined;
let lastCpu = process.cpuUsage();

/** Loaded when it is asked for: bare grpc-js is weighed without the SDK in its memory. */
async function sideNamed(): Promise<PeerSide | undefined> {
  switch (name) {
    case "bareGrpcJs":
      return bareGrpcJs();
    case "sdkGrpcJs":
      return (await import("./sdk.ts")).sdk("grpc-js");
    case "sdkNative":
      return (await import("./sdk.ts")).sdk("native");
    case "sdkNativeSilent":
      return (await import("./sdk.ts")).sdk("native", { loadReports: false });
    case "bareNative":
      return (await import("./bare-transport.ts")).bareTransport("native");
  }
}

/** Microseconds of CPU since it was last asked. */
function cpuUs(): number {
  const { user, system } = process.cpuUsage(lastCpu);
  lastCpu = process.cpuUsage();
  return user + system;
}

async function answer(request: PeerRequest): Promise<PeerReply[PeerRequest["ask"]]> {
  switch (request.ask) {
    case "listen": {
      const side = await sideNamed();
      return { port: await side?.listen(request.tls) };
    }
    case "connect": {
      const side = await sideNamed();
      caller = await side?.connect(request.port, request.load, request.tls);
      return {};
    }
    case "usage":
      return { cpuUs: cpuUs(), rssMb: process.memoryUsage.rss() / BYTES_PER_MB };
    case "watch-allocation":
      watch = new AllocationWatch();
      return {};
    case "allocated":
      if (watch === undefined) throw new Error("nothing was watched");
      return watch.end();
    case "run": {
      const latency = createHistogram();
      cpuUs();
      const begun = performance.now();
      await caller?.run(request.calls, latency);
      const ms = performance.now() - begun;
      return {
        cpuUs: cpuUs(),
        rssMb: process.memoryUsage.rss() / BYTES_PER_MB,
        ms,
        p50Ms: latency.percentile(50) / NANOSECONDS_PER_MS,
        p99Ms: latency.percentile(99) / NANOSECONDS_PER_MS,
      };
    }
  }
}

process.on("message", (request: PeerRequest) => {
  answer(request).then(
    (reply) => process.send?.(reply),
    (error: unknown) => {
      console.error(`${role} of ${name}:`, error);
      process.exit(1);
    },
  );
});
process.on("disconnect", () => process.exit(0));
