/** The greeter: greets people in the language they ask for, by asking the translator. */
import { createMesh } from "@meshwork/sdk";
import { GreeterService } from "../../gen/greeter/v1/greeter.mesh.ts";
import { TranslatorService } from "../../gen/translator/v1/translator.mesh.ts";
import { greeterHandlers } from "./handlers.ts";

const mesh = createMesh({ service: "greeter" });
const translator = mesh.client(TranslatorService);
await mesh.server().add(GreeterService, greeterHandlers(translator, mesh.instance)).start();
