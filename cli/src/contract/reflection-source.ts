/**
 * Contracts as a running server tells them (grpc.reflection.v1, else v1alpha,
 * https://github.com/grpc/grpc/blob/master/doc/server-reflection.md).
 */
import { type FileRegistry, fromBinary, type Registry } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { type CallOptions, type Mesh, MeshError } from "@meshwork/sdk";
import { REFLECTION, statusName } from "@meshwork/sdk/inspect";
import type { ContractSource, KnownService } from "./contract-source.ts";
import { describedService } from "./described-service.ts";
import { linkFiles, missingImports } from "./link-files.ts";
import { type Answer, ReflectionStream } from "./reflection-stream.ts";

const NOT_FOUND = 5;

export class ReflectionSource implements ContractSource {
  readonly place: string;
  readonly #mesh: Mesh;
  readonly #target: string;
  readonly #options: CallOptions;
  readonly #files = new Map<string, FileDescriptorProto>();
  readonly #askedFor = new Set<string>();
  #stream: ReflectionStream | undefined;

  /** @param options of the reflection call: its deadline, metadata such as a token. */
  constructor(mesh: Mesh, target: string, options: CallOptions) {
    this.place = target.replace(/^static:\/\/\//, "");
    this.#mesh = mesh;
    this.#target = target;
    this.#options = options;
  }

  async services(): Promise<readonly string[]> {
    const answer = await this.#ask({ $case: "listServices", value: "" });
    if (answer.$case !== "listServicesResponse") throw this.#unexpected(answer);
    return answer.value.service.map(({ name }) => name).sort();
  }

  async service(typeName: string): Promise<KnownService | undefined> {
    const types = await this.typesWith(typeName);
    const desc = types?.getService(typeName);
    return types && desc && describedService(desc, types);
  }

  async typesWith(typeName: string): Promise<Registry | undefined> {
    if (!(await this.#load({ $case: "fileContainingSymbol", value: typeName }))) return undefined;
    let missing = this.#missing();
    for (; missing.length > 0; missing = this.#missing()) {
      for (const name of missing) {
        this.#askedFor.add(name);
        await this.#load({ $case: "fileByFilename", value: name });
      }
    }
    return this.#link();
  }

  close(): void {
    this.#stream?.close();
  }

  /** Whether the server knows it. */
  async #load(question: Parameters<ReflectionStream["ask"]>[0]): Promise<boolean> {
    const answer = await this.#ask(question);
    if (answer.$case === "errorResponse" && answer.value.errorCode === NOT_FOUND) return false;
    // A server that was built without a file may say anything when asked for it; linkFiles knows what can be missed.
    if (answer.$case === "errorResponse" && question.$case === "fileByFilename") return false;
    if (answer.$case !== "fileDescriptorResponse") throw this.#unexpected(answer);
    for (const bytes of answer.value.fileDescriptorProto) {
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      this.#files.set(file.name, file);
    }
    return true;
  }

  #missing(): readonly string[] {
    return missingImports(this.#files).filter((name) => !this.#askedFor.has(name));
  }

  #link(): FileRegistry {
    try {
      return linkFiles(this.#files);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new MeshError(
        "INTERNAL",
        `reflection of ${this.place} describes its contract incompletely (${why}): give it with --proto`,
        { cause },
      );
    }
  }

  /** The first question finds out which version the server speaks. */
  async #ask(question: Parameters<ReflectionStream["ask"]>[0]): Promise<Answer> {
    if (this.#stream !== undefined) return this.#stream.ask(question);
    for (const definition of REFLECTION) {
      const client = this.#mesh.client(definition, { target: this.#target });
      const stream = new ReflectionStream(client, this.#options);
      try {
        const answer = await stream.ask(question);
        this.#stream = stream;
        return answer;
      } catch (error) {
        if (!(error instanceof MeshError && error.code === "UNIMPLEMENTED")) throw error;
      }
    }
    throw new MeshError(
      "UNIMPLEMENTED",
      `server at ${this.place} has no reflection: give its contract with --proto, or add reflection to the server`,
    );
  }

  #unexpected(answer: Answer): MeshError {
    if (answer.$case === "errorResponse") {
      const code = statusName(answer.value.errorCode);
      const said = `reflection of ${this.place} answered ${code}: ${answer.value.errorMessage}`;
      return new MeshError(code === "OK" ? "UNKNOWN" : code, said);
    }
    return new MeshError("INTERNAL", `reflection of ${this.place} answered another question (${answer.$case})`);
  }
}
