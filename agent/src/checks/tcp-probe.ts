/** Passing while a connection can be made. */
import type { Target } from "../state/check-spec.ts";
import { dial, parseHostPort } from "./dial.ts";
import type { ProbeSignals } from "./probe.ts";
import type { Outcome } from "./running-check.ts";

type TcpTarget = Extract<Target, { kind: "tcp" }>;

export async function probeTcp({ address }: TcpTarget, signals: ProbeSignals): Promise<Outcome> {
  const socket = await dial(parseHostPort(address), signals);
  socket.destroy();
  return { status: "passing", output: `TCP connect ${address}: Success` };
}
