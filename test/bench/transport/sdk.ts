/**
 * The whole SDK as a service uses it, over one of its transports: metrics, tracing, logs at "warn", deadlines, retries and
 * balancing are on. Only what would talk to others is off: registration and the admin port.
 */
import type { RecordableHistogram } from "node:perf_hooks";
import { createMesh, type Mesh, type MeshOptions } from "@meshwork/sdk";
import { BenchService, type BenchServiceClient } from "../gen/bench/v1/bench.mesh.ts";
import { builtTransport, type TransportName } from "./built.ts";
import { echoRequest, repeatRequest } from "./messages.ts";
import type { Load } from "./plan.ts";
import { type Caller, type PeerSide, recordSince, type Tls } from "./side.ts";

/** @param options over those that every side has. */
export async function sdk(
  name: TransportName,
  options: Pick<MeshOptions, "loadReports"> = {},
): Promise<PeerSide | undefined> {
  process.env["MESH_LOG_LEVEL"] = "warn";
  const transport = await builtTransport(name);
  if (transport === undefined) return undefined;
  const mesh = (tls: Tls): Mesh =>
    createMesh({ transport, registration: false, admin: false, handleSignals: false, ...options, ...(tls && { tls }) });
  return {
    listen: (tls) => listen(mesh(tls)),
    connect: async (port, load, tls) => {
      const client = mesh(tls).client(BenchService, { target: `static:///127.0.0.1:${port}` });
      return load.kind === "unary" ? unaryCaller(client, load) : streamCaller(client, load);
    },
  };
}

async function listen(mesh: Mesh): Promise<number> {
  const server = mesh.server().add(BenchService, {
    echo: ({ text, data }) => ({ text, data }),
    async *repeat({ text, data, count }) {
      for (let left = count; left > 0; left--) yield { text, data };
    },
  });
  return (await server.start()).address.port;
}

function unaryCaller(client: BenchServiceClient, load: Load): Caller {
  const request = echoRequest(load.bytes);
  return {
    run: async (calls, latency) => {
      let left = calls;
      const work = async (): Promise<void> => {
        while (left > 0) {
          left--;
          const begun = performance.now();
          await client.echo(request);
          recordSince(latency, begun);
        }
      };
      await Promise.all(Array.from({ length: load.concurrency }, work));
    },
  };
}

function streamCaller(client: BenchServiceClient, load: Load): Caller {
  return {
    run: async (calls: number, latency: RecordableHistogram) => {
      const request = repeatRequest(load.bytes, calls / load.concurrency);
      const readAll = async (): Promise<void> => {
        let last = performance.now();
        for await (const _message of client.repeat(request)) {
          recordSince(latency, last);
          last = performance.now();
        }
      };
      await Promise.all(Array.from({ length: load.concurrency }, readAll));
    },
  };
}
