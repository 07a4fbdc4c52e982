/** One look at a target, told in the words that Consul, being written in Go, would use. */
import type { Target } from "../state/check-spec.ts";
import { probeGrpc } from "./grpc-probe.ts";
import { probeHttp } from "./http-probe.ts";
import type { Outcome } from "./running-check.ts";
import { probeTcp } from "./tcp-probe.ts";

export interface ProbeSignals {
  /** Aborted when the attempt has taken too long. */
  readonly timeout: AbortSignal;
  /** Aborted when nobody wants to know any more. */
  readonly stopped: AbortSignal;
}

/** Rejects with an error whose message is the output of a critical check. */
export type Probe = (target: Target, signals: ProbeSignals, maxOutputBytes: number) => Promise<Outcome>;

export const probe: Probe = async (target, signals, maxOutputBytes) => {
  switch (target.kind) {
    case "http":
      return probeHttp(target, signals, maxOutputBytes);
    case "tcp":
      return probeTcp(target, signals);
    case "grpc":
      return probeGrpc(target, signals);
  }
};
