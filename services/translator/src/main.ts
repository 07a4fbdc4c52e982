/** The translator: says hello, goodbye and thanks in a few languages. Run it as often as you like; callers find them all. */
import { createMesh } from "@meshwork/sdk";
import { TranslatorService } from "../../gen/translator/v1/translator.mesh.ts";
import { translatorHandlers } from "./handlers.ts";

const mesh = createMesh({ service: "translator" });
await mesh.server().add(TranslatorService, translatorHandlers(mesh.instance)).start();
