/** What the translator does. */
import { BadRequest, errorDetail, MeshError } from "@meshwork/sdk";
import type { TranslatorServiceHandlers } from "../../gen/translator/v1/translator.mesh.ts";

interface Language {
  readonly name: string;
  readonly phrases: Readonly<Record<string, string>>;
}

const LANGUAGES = new Map<string, Language>([
  ["en", { name: "English", phrases: { hello: "Hello", goodbye: "Goodbye", thanks: "Thank you" } }],
  ["de", { name: "Deutsch", phrases: { hello: "Hallo", goodbye: "Auf Wiedersehen", thanks: "Danke" } }],
  ["es", { name: "Español", phrases: { hello: "Hola", goodbye: "Adiós", thanks: "Gracias" } }],
  ["fr", { name: "Français", phrases: { hello: "Bonjour", goodbye: "Au revoir", thanks: "Merci" } }],
  ["ja", { name: "日本語", phrases: { hello: "こんにちは", goodbye: "さようなら", thanks: "ありがとう" } }],
]);

/** @param instance tells callers which translator answered. */
export function translatorHandlers(instance: string): TranslatorServiceHandlers {
  return {
    translate({ phrase, language }) {
      const text = LANGUAGES.get(language || "en")?.phrases[phrase];
      if (text !== undefined) return { text, instance };
      const [field, description] = LANGUAGES.has(language || "en")
        ? ["phrase", `phrase "${phrase}" is not known: ask for hello, goodbye or thanks`]
        : ["language", `language "${language}" is not spoken here: ask for ${[...LANGUAGES.keys()].join(", ")}`];
      const details = [errorDetail(BadRequest, { fieldViolations: [{ field, description }] })];
      throw new MeshError("INVALID_ARGUMENT", description, { details });
    },

    async *listLanguages() {
      for (const [code, { name }] of LANGUAGES) yield { code, name };
    },
  };
}
