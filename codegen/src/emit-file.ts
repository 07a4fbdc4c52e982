/** Writes `x.mesh.ts`: for each service of a proto file its client, its handlers and its definition. */
import type { DescMessage } from "@bufbuild/protobuf";
import type { CallKind, MethodPolicy } from "@meshwork/sdk/contract";
import { commentOf } from "./comments.ts";
import { declarable, propertyKey } from "./identifiers.ts";
import { meshFileName, messageExport, messageModule } from "./message-names.ts";
import type { PluginOptions } from "./options.ts";
import type { FileContract, MethodContract, ServiceContract } from "./read-contract.ts";
import { Source } from "./source.ts";

const SDK = "@meshwork/sdk";

/** Global types that generated code uses, and so no import may shadow. */
const GLOBALS = ["AsyncIterable", "Iterable", "Promise"];

const KINDS: Readonly<Record<MethodContract["desc"]["methodKind"], CallKind>> = {
  unary: "unary",
  server_streaming: "serverStreaming",
  client_streaming: "clientStreaming",
  bidi_streaming: "bidiStreaming",
};

/** The names a service declares. */
interface Names {
  readonly definition: string;
  readonly client: string;
  readonly handlers: string;
}

/** How to write the messages of one method. */
interface Types {
  readonly input: string;
  readonly output: string;
  readonly partialInput: string;
  readonly partialOutput: string;
}

export function emitFile(
  contract: FileContract,
  schema: string,
  options: PluginOptions,
): { name: string; content: string } {
  const name = meshFileName(contract.file);
  const declared = contract.services.flatMap((service) => Object.values(namesOf(service)));
  const emitter = new Emitter(new Source(name, [...declared, ...GLOBALS]), schema, options);
  for (const service of contract.services) emitter.service(service);
  return { name, content: emitter.source.toText(contract.file.proto.name) };
}

function namesOf({ desc }: ServiceContract): Names {
  return { definition: declarable(desc.name), client: `${desc.name}Client`, handlers: `${desc.name}Handlers` };
}

class Emitter {
  readonly source: Source;
  readonly #schema: string;
  readonly #options: PluginOptions;

  constructor(source: Source, schema: string, options: PluginOptions) {
    this.source = source;
    this.#schema = schema;
    this.#options = options;
  }

  service(service: ServiceContract): void {
    const names = namesOf(service);
    this.#client(service, names);
    this.#handlers(service, names);
    this.#definition(service, names);
  }

  #client(service: ServiceContract, names: Names): void {
    const { source } = this;
    source.doc(docOf(service, `Calls ${service.desc.typeName}.`));
    source.block(`export interface ${names.client} {`, "}", () => {
      for (const method of service.methods) {
        const { output, partialInput } = this.#types(method);
        const options = `options?: ${source.type("CallOptions", SDK)}`;
        const one = `request: ${partialInput}, ${options}`;
        const many = `requests: AsyncIterable<${partialInput}> | Iterable<${partialInput}>, ${options}`;
        const signatures: Readonly<Record<CallKind, string>> = {
          unary: `(${one}): Promise<${output}>;`,
          serverStreaming: `(${one}): AsyncIterable<${output}>;`,
          clientStreaming: `(${many}): Promise<${output}>;`,
          bidiStreaming: `(${many}): AsyncIterable<${output}>;`,
        };
        source.doc(docOf(method));
        source.line(propertyKey(method.key) + signatures[KINDS[method.desc.methodKind]]);
      }
    });
    source.line();
  }

  #handlers(service: ServiceContract, names: Names): void {
    const { source } = this;
    source.doc(docOf(service, `Serves ${service.desc.typeName}.`));
    source.block(`export interface ${names.handlers} {`, "}", () => {
      for (const method of service.methods) {
        const { input, partialOutput } = this.#types(method);
        const context = `context: ${source.type("CallContext", SDK)}`;
        const one = `request: ${input}, ${context}`;
        const many = `requests: AsyncIterable<${input}>, ${context}`;
        const signatures: Readonly<Record<CallKind, string>> = {
          unary: `(${one}): Promise<${partialOutput}> | ${partialOutput};`,
          serverStreaming: `(${one}): AsyncIterable<${partialOutput}>;`,
          clientStreaming: `(${many}): Promise<${partialOutput}> | ${partialOutput};`,
          bidiStreaming: `(${many}): AsyncIterable<${partialOutput}>;`,
        };
        source.doc(docOf(method));
        source.line(propertyKey(method.key) + signatures[KINDS[method.desc.methodKind]]);
      }
    });
    source.line();
  }

  #definition(service: ServiceContract, names: Names): void {
    const { source } = this;
    const { typeName, file } = service.desc;
    const schemaModule = source.relative(this.#schema.replace(/\.ts$/, this.#options.importSuffix));
    const descriptorSet = source.value("descriptorSet", schemaModule);
    const type = `${source.type("ServiceDefinition", SDK)}<${names.client}, ${names.handlers}>`;
    source.doc(docOf(service));
    source.block(`export const ${names.definition}: ${type} = {`, "};", () => {
      source.line(`typeName: ${JSON.stringify(typeName)},`);
      source.line(`meshName: ${JSON.stringify(service.meshName)},`);
      const set = descriptorSet === "descriptorSet" ? descriptorSet : `descriptorSet: ${descriptorSet}`;
      source.line(`schema: { file: ${JSON.stringify(file.proto.name)}, ${set} },`);
      source.block("methods: {", "},", () => {
        for (const method of service.methods) this.#method(method);
      });
    });
    source.line();
  }

  #method({ desc, key, policy }: MethodContract): void {
    const { source } = this;
    const service = desc.parent.typeName;
    source.block(`${propertyKey(key)}: {`, "},", () => {
      source.line(`service: ${JSON.stringify(service)},`);
      source.line(`name: ${JSON.stringify(desc.name)},`);
      source.line(`path: ${JSON.stringify(`/${service}/${desc.name}`)},`);
      source.line(`kind: ${JSON.stringify(KINDS[desc.methodKind])},`);
      source.line(`input: ${this.#message(desc.input)},`);
      source.line(`output: ${this.#message(desc.output)},`);
      this.#policy(policy);
      if (desc.deprecated) source.line("deprecated: true,");
    });
  }

  #policy(policy: MethodPolicy): void {
    this.source.block("policy: {", "},", () => {
      for (const [name, value] of Object.entries(policy)) this.source.line(`${name}: ${literal(value)},`);
    });
  }

  #types({ desc }: MethodContract): Types {
    const [input, output] = [this.#message(desc.input), this.#message(desc.output)];
    const partial = this.source.type("DeepPartial", SDK);
    return { input, output, partialInput: `${partial}<${input}>`, partialOutput: `${partial}<${output}>` };
  }

  /** Type and codec of a message share their name. */
  #message(message: DescMessage): string {
    const module = messageModule(message.file, this.#options);
    const specifier = "package" in module ? module.package : this.source.relative(module.path);
    return this.source.value(messageExport(message), specifier);
  }
}

function docOf({ desc }: ServiceContract | MethodContract, otherwise = ""): readonly string[] {
  const comment = commentOf(desc);
  const text = comment.length > 0 || otherwise === "" ? comment : [otherwise];
  return desc.deprecated ? [...text, "@deprecated"] : text;
}

/** Plain data as TypeScript. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, one]) => `${propertyKey(key)}: ${literal(one)}`);
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}
