/** What a contract becomes: plain data that clients and servers are made from. Codegen emits it, loadContract reads it. */
import type { MethodInfo } from "../call/method-info.ts";
import type { MessageCodec } from "./message-codec.ts";
import type { MethodPolicy } from "./policy.ts";

/** One method: names, kind, codecs, policy. Codecs are typed by the client and handlers interfaces beside it. */
export interface MethodDefinition<I = unknown, O = unknown> extends MethodInfo {
  readonly input: MessageCodec<I>;
  readonly output: MessageCodec<O>;
  readonly policy: MethodPolicy;
  readonly deprecated?: boolean;
}

/** The proto files behind a service: what reflection serves. */
export interface Schema {
  /** The file that declares the service: "greeter/v1/greeter.proto". */
  readonly file: string;
  /** A google.protobuf.FileDescriptorSet with that file and all it imports, decoded when first asked for. */
  descriptorSet(): Uint8Array;
}

/**
 * One service.
 *
 * @typeParam Client the interface of its clients; `mesh.client(definition)` returns it.
 * @typeParam Handlers the interface its servers implement; `server.add(definition, handlers)` takes it.
 */
export interface ServiceDefinition<Client = unknown, Handlers = unknown> {
  /** "greeter.v1.GreeterService" */
  readonly typeName: string;
  /** The name it is registered and discovered under: "greeter". */
  readonly meshName: string;
  /** By the name that clients and handlers use: "sayHello". */
  readonly methods: Readonly<Record<string, MethodDefinition>>;
  readonly schema?: Schema;
  /** Carries the types; never set. */
  readonly types?: { readonly client: Client; readonly handlers: Handlers };
}
