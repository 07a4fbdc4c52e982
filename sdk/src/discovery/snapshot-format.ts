/**
 * What is known of services, as a file: a line about the file, then a line for each service, all JSON. Who reads it
 * believes nothing: it may be from somebody else, of another cluster, half written, or written by hand.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { Remembered } from "./view-memory.ts";

const FORMAT = "meshwork-endpoints";
const VERSION = 1;

const Header = z.object({ format: z.literal(FORMAT), version: z.int(), source: z.string(), sha256: z.string() });

const Line = z.object({
  service: z.string().min(1),
  confirmedAt: z.int().min(0),
  endpoints: z.array(
    z.strictObject({
      id: z.string().min(1),
      address: z.strictObject({ host: z.string().min(1), port: z.int().min(0).max(65_535) }),
      weight: z.number().positive(),
      zone: z.string().optional(),
      version: z.string().optional(),
      metadata: z.record(z.string(), z.string()),
    }),
  ),
});

export interface Snapshot {
  /** Which registry it is from: what is known of one cluster must not be used in another. */
  readonly source: string;
  readonly services: ReadonlyMap<string, Remembered>;
}

/** Services whose line is known already need not be written as JSON again. */
export type EndpointsText = (remembered: Remembered) => string;

export function writeSnapshot(
  { source, services }: Snapshot,
  endpointsText: EndpointsText = ({ endpoints }) => JSON.stringify(endpoints),
): string {
  const lines: string[] = [];
  for (const [service, remembered] of services) {
    const { confirmedAt } = remembered;
    lines.push(
      `{"service":${JSON.stringify(service)},"confirmedAt":${confirmedAt},"endpoints":${endpointsText(remembered)}}\n`,
    );
  }
  const body = lines.join("");
  return `${JSON.stringify({ format: FORMAT, version: VERSION, source, sha256: digest(body) })}\n${body}`;
}

/** The snapshot in a text, or in a sentence why there is none to use. */
export function readSnapshot(text: string, source: string): Snapshot | { readonly refused: string } {
  const end = text.indexOf("\n");
  const header = Header.safeParse(parse(text.slice(0, end === -1 ? text.length : end)));
  if (!header.success) return refuse("it is no snapshot of endpoints");
  if (header.data.version !== VERSION) {
    return refuse(`it is of version ${header.data.version}, and this program reads ${VERSION}`);
  }
  if (header.data.source !== source) return refuse(`it is of the registry at ${header.data.source}, not ${source}`);
  const body = text.slice(end + 1);
  if (end === -1 || digest(body) !== header.data.sha256) {
    return refuse("its checksum is wrong: it was cut short or changed");
  }
  const services = new Map<string, Remembered>();
  for (const line of body.split("\n")) {
    if (line === "") continue;
    const read = Line.safeParse(parse(line));
    if (!read.success) return refuse(`it has a line that is wrong: ${read.error.issues[0]?.message ?? "unknown"}`);
    const { service, confirmedAt, endpoints } = read.data;
    services.set(service, { confirmedAt, endpoints: endpoints.map(withoutUndefined) });
  }
  return { source, services };
}

type ReadEndpoint = z.infer<typeof Line>["endpoints"][number];

function withoutUndefined({ zone, version, ...rest }: ReadEndpoint): Remembered["endpoints"][number] {
  return { ...rest, ...(zone === undefined ? {} : { zone }), ...(version === undefined ? {} : { version }) };
}

function refuse(refused: string): { readonly refused: string } {
  return { refused };
}

function digest(body: string): string {
  return createHash("sha256").update(body).digest("hex");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
