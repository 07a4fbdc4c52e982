/** gRPC's interop cases: this SDK over each of its transports against itself, and against grpc-go both ways. */
import { notRun } from "../support/not-run.ts";
import { GO_BUILD_TIMEOUT_MS, GrpcGo } from "./grpc-go.ts";
import { INTEROP_CASE_NAMES } from "./interop-cases.ts";
import { InteropLab } from "./interop-lab.ts";
import { knownGap } from "./known-gaps.ts";
import { foreignPairs, ownPairs, type Pair } from "./sides.ts";

for (const pair of ownPairs()) describeCases(pair, () => InteropLab.start(pair));

describe("grpc-go", () => {
  let go: GrpcGo | undefined;

  before(function () {
    this.timeout(GO_BUILD_TIMEOUT_MS);
    const built = GrpcGo.build();
    if (typeof built !== "string") go = built;
    else notRun("conformance with grpc-go", "go", `put go on PATH (${built})`);
  });
  after(() => go?.remove());

  for (const pair of foreignPairs()) describeCases(pair, async () => go && InteropLab.start(pair, go));
});

/** @param start undefined: the pair cannot be run here, which was said */
function describeCases({ client, server }: Pair, start: () => Promise<InteropLab | undefined>): void {
  describe(`interop of a client of ${client} with a server of ${server}`, () => {
    let lab: InteropLab | undefined;

    before(async () => {
      lab = await start();
    });
    after(() => lab?.close());

    for (const name of INTEROP_CASE_NAMES) {
      const gap = knownGap(client, server, name);
      it(gap === undefined ? name : `${name}: known gap, since ${gap.reason}`, async function () {
        if (lab === undefined) return this.skip();
        const verdict = await lab.run(name);
        if (verdict.kind === "failed") throw verdict.error;
      });
    }
  });
}
