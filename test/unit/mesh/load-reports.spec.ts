/** Load as servers tell it and clients go by it, over both transports. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { ChannelCredentials, Client, type Metadata as GrpcMetadata, type StatusObject } from "@grpc/grpc-js";
import { type CallContext, createMesh, type Mesh, type MeshOptions, weightedRoundRobin } from "@meshwork/sdk";
import { VirtualClock } from "@meshwork/sdk/testing";
import { decodeLoadReport, LOAD_REPORT_KEY } from "../../../sdk/src/balancing/orca.ts";
import {
  TranslatorService,
  type TranslatorServiceClient,
} from "../../../services/gen/translator/v1/translator.mesh.ts";
import { ALONE } from "../../support/greeter-mesh.ts";
import { recordedLog } from "../../support/logs.ts";

/** Calls that other clients have a server work at: more than chance would. */
const OTHERS = 20;
/** However slow the machine: calls that hang end when they are let go. */
const HANGING_MS = 600_000;
/** Of so many servers one is hot, to prequal, when it has more calls in flight than the others. */
const SERVERS = 8;
const { translate } = TranslatorService.methods;
/** Without the contract's deadline, at which servers end calls that hang. */
const Patient: typeof TranslatorService = {
  ...TranslatorService,
  methods: { ...TranslatorService.methods, translate: { ...translate!, policy: { idempotency: "NO_SIDE_EFFECTS" } } },
};

/** A translator that answers with its name, and leaves calls for "hang" unanswered until it is let go. */
class Translator {
  readonly name: string;
  readonly port: number;
  hanging = 0;
  readonly #let: (() => void)[] = [];

  static async start(mesh: Mesh, name: string): Promise<Translator> {
    const handlers = {
      translate: async ({ phrase }: { readonly phrase: string }) => {
        if (phrase === "hang") await translator.hang();
        return { text: name };
      },
      async *listLanguages() {},
    };
    const server = mesh.server().add(Patient, handlers);
    await server.start();
    const translator = new Translator(name, server.address.port);
    return translator;
  }

  private constructor(name: string, port: number) {
    this.name = name;
    this.port = port;
  }

  hang(): Promise<void> {
    this.hanging++;
    return new Promise((resolve) => this.#let.push(resolve));
  }

  letGo(): void {
    for (const go of this.#let) go();
  }
}

for (const transport of ["native", "grpc-js"] as const) {
  describe(`load reports over ${transport}`, () => {
    const meshes: Mesh[] = [];

    function mesh(options: MeshOptions = {}): Mesh {
      const made = createMesh({ ...ALONE, transport, log: recordedLog().log, ...options });
      meshes.push(made);
      return made;
    }

    afterEach(async () => {
      await Promise.all(meshes.splice(0).map((one) => one.close()));
    });

    it("come with answers to any client, and may be left out", async () => {
      for (const loadReports of [true, false]) {
        const { port } = await Translator.start(mesh({ loadReports }), "a");
        const client = new Client(`127.0.0.1:${port}`, ChannelCredentials.createInsecure());
        const same = (bytes: Buffer): Buffer => bytes;
        const call = client.makeUnaryRequest(
          "/translator.v1.TranslatorService/Translate",
          same,
          same,
          Buffer.of(),
          () => {},
        );
        const [{ metadata }] = (await once(call, "status")) as [StatusObject & { readonly metadata: GrpcMetadata }];
        const [bytes] = metadata.get(LOAD_REPORT_KEY);
        if (loadReports) assert.equal(decodeLoadReport(bytes as Buffer)?.inFlight, 0);
        else assert.equal(bytes, undefined);
        client.close();
      }
    });

    it("are not among the trailers that callers see", async () => {
      const { port } = await Translator.start(mesh(), "a");
      const translator = mesh().client(Patient, { target: `static:///127.0.0.1:${port}` });
      const seen: string[] = [];
      const onTrailers = (trailers: Iterable<[string, unknown]>): void =>
        void seen.push(...[...trailers].map(([key]) => key));
      await translator.translate({ phrase: "x" }, { onTrailers });
      assert.deepEqual(seen, []);
    });

    it("let weighted round robin give a server that is kept busy three times as much a third of the calls", async () => {
      // Deadlines of grpc-js are on the wall clock.
      const clock = new VirtualClock(Date.now());
      const policy = weightedRoundRobin({ blackoutMs: 0, updateMs: 100 });
      const starting = [0.001, 0.003].map(async (secondsPerCall) => {
        const served: number[] = [];
        // Of the last second; calls that ended before are not in the report's calls per second either.
        const utilization = (): number => secondsPerCall * served.filter((at) => at > clock.now() - 1_000).length;
        const server = mesh({ clock, loadReports: { utilization } }).server();
        server.add(Patient, {
          translate: async () => {
            served.push(clock.now());
            return { text: String(secondsPerCall) };
          },
          async *listLanguages() {},
        });
        await server.start();
        return `127.0.0.1:${server.address.port}`;
      });
      const target = `static:///${(await Promise.all(starting)).join(",")}`;
      const caller = mesh({ clock, pickPolicies: { by_load: policy } });
      const translator = caller.client(Patient, {
        target,
        balancing: "by_load",
        // For grpc-js the real clock counts as well.
        policy: { deadlineMs: HANGING_MS },
      });
      const second = async (): Promise<number> => {
        let slower = 0;
        for (let call = 0; call < 100; call++) {
          if ((await translator.translate({ phrase: "x" })).text === "0.003") slower++;
          clock.advance(10);
        }
        return slower / 100;
      };
      const before = await second();
      await second();
      await second();
      const after = await second();
      assert.ok(Math.abs(before - 1 / 2) < 0.05, `nothing was known yet: ${before}`);
      assert.ok(Math.abs(after - 1 / 4) < 0.05, `${after}`);
      const told = caller.explain(target).flatMap(({ endpoints }) => endpoints.map(({ reported }) => reported!));
      assert.equal(told.length, 2);
      for (const { qps, utilization, agoMs } of told) assert.ok(qps > 0 && utilization > 0 && agoMs <= 1_000);
    });

    it("that cannot be read cost no call, and are logged once", async () => {
      const server = mesh({ loadReports: false }).server();
      server.add(Patient, {
        translate: async (_request: unknown, { responseTrailers }: CallContext) => {
          responseTrailers.set(LOAD_REPORT_KEY, Uint8Array.of(9, 1, 2));
          return { text: "a" };
        },
        async *listLanguages() {},
      });
      await server.start();
      const { log, lines } = recordedLog();
      const target = `static:///127.0.0.1:${server.address.port}`;
      const translator = mesh({ log, balancing: "prequal" }).client(Patient, { target });
      for (let call = 0; call < 3; call++) assert.equal((await translator.translate({ phrase: "x" })).text, "a");
      const warnings = lines.filter(({ level }) => level === "warn");
      assert.deepEqual(
        warnings.map(({ target: of, endpoint }) => [of, endpoint]),
        [[target, `127.0.0.1:${server.address.port}`]],
      );
    });

    it("let prequal avoid a server that others keep busy, which turns cannot know", async () => {
      const names = Array.from({ length: SERVERS }, (_, number) => (number === 0 ? "busy" : `idle ${number}`));
      const all = await Promise.all(names.map((name) => Translator.start(mesh(), name)));
      const [busy] = all;
      const target = `static:///${all.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
      const others = mesh().client(Patient, {
        target: `static:///127.0.0.1:${busy!.port}`,
        policy: { deadlineMs: HANGING_MS },
      });
      const hanging = Array.from({ length: OTHERS }, () => others.translate({ phrase: "hang" }));
      while (busy!.hanging < OTHERS) await others.translate({ phrase: "x" });
      const prequal = mesh().client(Patient, { target, balancing: "prequal" });
      const inTurn = mesh().client(Patient, { target, balancing: "round_robin" });
      // The first calls connect, and bring what is told.
      await Promise.all([prequal, inTurn].map((one) => shareOf("busy", one)));
      const [seeing, blind] = [await shareOf("busy", prequal), await shareOf("busy", inTurn)];
      busy!.letGo();
      await Promise.all(hanging);
      assert.ok(seeing < 0.03, `prequal: ${seeing}`);
      assert.ok(blind > 0.05, `round robin: ${blind}`);
    });
  });
}

async function shareOf(name: string, translator: TranslatorServiceClient): Promise<number> {
  const calls = 200;
  let count = 0;
  for (let call = 0; call < calls; call++) if ((await translator.translate({ phrase: "x" })).text === name) count++;
  return count / calls;
}
