/**
 * The mesh's own service that tells a server's load to whoever asks, for balancing that must know of servers it has not
 * called lately (Prequal's probes). Answers are ORCA's message, as in trailers.
 */
import type { LoadReport } from "../balancing/load-report.ts";
import { decodeLoadReport, encodeLoadReport, GET_LOAD_PATH, LOAD_SERVICE } from "../balancing/orca.ts";
import type { ServiceDefinition } from "../contract/definition.ts";
import type { MessageCodec } from "../contract/message-codec.ts";

/** A message without fields; what a later version may put into it is passed over. */
const EMPTY: MessageCodec<unknown> = {
  encode: () => ({ finish: () => new Uint8Array() }),
  decode: () => ({}),
  fromPartial: () => ({}),
};

/** ORCA's message. */
const ORCA: MessageCodec<LoadReport | undefined> = {
  encode: (report) => ({ finish: () => (report === undefined ? new Uint8Array() : encodeLoadReport(report)) }),
  decode: decodeLoadReport,
  fromPartial: (report) => report as LoadReport | undefined,
};

export interface LoadHandlers {
  getLoad(): LoadReport;
}

export const LoadService: ServiceDefinition<unknown, LoadHandlers> = {
  typeName: LOAD_SERVICE,
  meshName: "load",
  methods: {
    getLoad: {
      service: LOAD_SERVICE,
      name: "GetLoad",
      path: GET_LOAD_PATH,
      kind: "unary",
      input: EMPTY,
      output: ORCA,
      policy: { idempotency: "NO_SIDE_EFFECTS" },
    },
  },
};
