/** A small mesh for the command line to look at: a registry, and the sample services in this process. */
import assert from "node:assert/strict";
import { startAgent } from "@meshwork/agent";
import { createMesh } from "@meshwork/sdk";
import { formatAddress } from "@meshwork/sdk/inspect";
import { noteLog } from "../../cli/src/note-log.ts";
import { GreeterService } from "../../services/gen/greeter/v1/greeter.mesh.ts";
import { TranslatorService } from "../../services/gen/translator/v1/translator.mesh.ts";
import { greeterHandlers } from "../../services/greeter/src/handlers.ts";
import { translatorHandlers } from "../../services/translator/src/handlers.ts";

export interface Samples {
  /** Lets a command find the registry. */
  readonly env: Readonly<Record<string, string>>;
  readonly registry: string;
  /** Where both services listen, "host:port". */
  readonly address: string;
  /** Where their process tells of itself, "host:port". */
  readonly admin: string;
  close(): Promise<void>;
}

export async function startSamples(): Promise<Samples> {
  const agent = await startAgent();
  const mesh = createMesh({
    service: "samples",
    instance: "a",
    version: "1.2.3",
    zone: "east",
    consul: { url: agent.url },
    log: noteLog(undefined),
    handleSignals: false,
    drain: { propagationMs: 0, graceMs: 1_000 },
  });
  const server = mesh.server();
  server.add(TranslatorService, translatorHandlers("translator-a"));
  server.add(GreeterService, greeterHandlers(mesh.client(TranslatorService), "greeter-a"));
  await server.start();
  const admin = await mesh.admin();
  assert.ok(admin !== undefined);
  return {
    env: { CONSUL_HTTP_ADDR: agent.url },
    registry: agent.url,
    address: formatAddress(server.address),
    admin: formatAddress(admin),
    async close() {
      await mesh.close();
      await agent.close();
    },
  };
}
