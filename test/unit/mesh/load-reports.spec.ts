/** Load as servers tell it and clients go by it, over both transports. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { ChannelCredentials, Client, type Metadata as GrpcMetadata, type StatusObject } from "@grpc/grpc-js";
import { createMesh, type Mesh, type MeshOptions } from "@meshwork/sdk";
import { decodeLoadReport, LOAD_REPORT_KEY } from "../../../sdk/src/balancing/orca.ts";
import {
  TranslatorService,
  type TranslatorServiceClient,
} from "../../../services/gen/translator/v1/translator.mesh.ts";
import { ALONE } from "../../support/greeter-mesh.ts";
import { recordedLog } from "../../support/logs.ts";

/** Calls that other clients have a server work at: more than chance would. */
const OTHERS = 20;
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

    it("let prequal avoid a server that others keep busy, which turns cannot know", async () => {
      const names = Array.from({ length: SERVERS }, (_, number) => (number === 0 ? "busy" : `idle ${number}`));
      const all = await Promise.all(names.map((name) => Translator.start(mesh(), name)));
      const [busy] = all;
      const target = `static:///${all.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
      const others = mesh().client(Patient, { target: `static:///127.0.0.1:${busy!.port}` });
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
