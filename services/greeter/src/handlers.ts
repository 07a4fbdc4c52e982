/** What the greeter does: one handler for each kind of call. */
import { MeshError } from "@meshwork/sdk";
import type { GreeterServiceHandlers } from "../../gen/greeter/v1/greeter.mesh.ts";
import type { TranslatorServiceClient } from "../../gen/translator/v1/translator.mesh.ts";

/** @param instance tells callers which greeter answered. */
export function greeterHandlers(translator: TranslatorServiceClient, instance: string): GreeterServiceHandlers {
  return {
    // The translator's call inherits what is left of the deadline, the cancellation and the trace of this one.
    async sayHello({ name, language }) {
      const { text } = await translator.translate({ phrase: "hello", language });
      return { message: `${text}, ${named(name)}!`, instance };
    },

    async *sayHelloEverywhere({ name }) {
      const who = named(name);
      for await (const { code } of translator.listLanguages({})) {
        const { text } = await translator.translate({ phrase: "hello", language: code });
        yield { language: code, message: `${text}, ${who}!` };
      }
    },

    async greetGroup(requests) {
      const names: string[] = [];
      for await (const { name } of requests) names.push(named(name));
      const { text } = await translator.translate({ phrase: "hello" });
      return { message: `${text}, ${names.join(" and ")}!`, count: names.length };
    },

    async *chat(requests) {
      for await (const { text } of requests) {
        const phrase = /bye/i.test(text) ? "goodbye" : "hello";
        yield { text: (await translator.translate({ phrase })).text };
      }
    },
  };
}

function named(name: string): string {
  if (name.trim() === "") throw new MeshError("INVALID_ARGUMENT", "name is empty: say who to greet");
  return name;
}
