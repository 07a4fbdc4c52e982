/** One stream of server reflection: questions and answers in turn. */
import { MeshError } from "@meshwork/sdk";
import type { ReflectionClient, ServerReflectionRequest, ServerReflectionResponse } from "@meshwork/sdk/inspect";
import type { CallOptions } from "@meshwork/sdk";

type Question = NonNullable<ServerReflectionRequest["messageRequest"]>;
export type Answer = NonNullable<ServerReflectionResponse["messageResponse"]>;

export class ReflectionStream {
  readonly #answers: AsyncIterator<ServerReflectionResponse>;
  readonly #questions: Question[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(client: ReflectionClient, options: CallOptions) {
    this.#answers = client.serverReflectionInfo(this.#requests(), options)[Symbol.asyncIterator]();
  }

  /** Rejects with the MeshError of the stream; a server's "not found" is an answer. Ask one question at a time. */
  async ask(question: Question): Promise<Answer> {
    this.#questions.push(question);
    this.#wake?.();
    const { value, done } = await this.#answers.next();
    if (done !== true && value.messageResponse !== undefined) return value.messageResponse;
    throw new MeshError("INTERNAL", "server reflection ended without an answer: give the contract with --proto");
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async *#requests(): AsyncGenerator<ServerReflectionRequest> {
    for (;;) {
      const question = this.#questions.shift();
      if (question !== undefined) yield { host: "", messageRequest: question };
      else if (this.#closed) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
