/** A greeter and a translator on one mesh in this process, found through fixed addresses. */
import { createMesh, type Mesh, type MeshOptions } from "@meshwork/sdk";
import { GreeterService, type GreeterServiceClient } from "../../services/gen/greeter/v1/greeter.mesh.ts";
import { TranslatorService, type TranslatorServiceClient } from "../../services/gen/translator/v1/translator.mesh.ts";
import { greeterHandlers } from "../../services/greeter/src/handlers.ts";
import { translatorHandlers } from "../../services/translator/src/handlers.ts";
import { type LogLine, recordedLog } from "./logs.ts";

export interface GreeterMesh {
  readonly mesh: Mesh;
  readonly lines: readonly LogLine[];
  readonly greeter: GreeterServiceClient;
  readonly translator: TranslatorServiceClient;
  /** "host:port" */
  readonly greeterAddress: string;
  readonly translatorAddress: string;
}

/** Options that keep a mesh to itself: no registry, no admin port, no signals. */
export const ALONE = {
  registration: false,
  admin: false,
  handleSignals: false,
  drain: { propagationMs: 0, graceMs: 1_000 },
} as const satisfies MeshOptions;

export async function startGreeterMesh(options: MeshOptions = {}): Promise<GreeterMesh> {
  const { log, lines } = recordedLog();
  const mesh = createMesh({ ...ALONE, log, ...options });
  const translators = await mesh.server().add(TranslatorService, translatorHandlers("translator-1")).start();
  const translatorAddress = `127.0.0.1:${translators.address.port}`;
  const translator = mesh.client(TranslatorService, { target: `static:///${translatorAddress}` });
  const greeters = await mesh.server().add(GreeterService, greeterHandlers(translator, "greeter-1")).start();
  const greeterAddress = `127.0.0.1:${greeters.address.port}`;
  const greeter = mesh.client(GreeterService, { target: `static:///${greeterAddress}` });
  return { mesh, lines, greeter, translator, greeterAddress, translatorAddress };
}
