/** A method as the SDK calls it, made of descriptors: its codecs are @bufbuild/protobuf's, its messages too. */
import { type DescMessage, type DescMethod, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import type { CallOptions } from "@meshwork/sdk";
import type { CallKind, MessageCodec, ServiceDefinition } from "@meshwork/sdk/contract";
import type { KnownService } from "../contract/contract-source.ts";

/** What a call gives depends on the kind of its method. */
export interface DynamicClient {
  call(requests: Message | Iterable<Message> | AsyncIterable<Message>, options: CallOptions): Responses;
}

export type Responses = Promise<Message> | AsyncIterable<Message>;

export const KINDS: Readonly<Record<DescMethod["methodKind"], CallKind>> = {
  unary: "unary",
  server_streaming: "serverStreaming",
  client_streaming: "clientStreaming",
  bidi_streaming: "bidiStreaming",
};

/** A definition with this method alone, called "call". */
export function dynamicMethod(service: KnownService, method: DescMethod): ServiceDefinition<DynamicClient> {
  const { desc, meshName } = service;
  return {
    typeName: desc.typeName,
    meshName,
    methods: {
      call: {
        service: desc.typeName,
        name: method.name,
        path: `/${desc.typeName}/${method.name}`,
        kind: KINDS[method.methodKind],
        input: codec(method.input),
        output: codec(method.output),
        policy: service.policyOf(method),
      },
    },
  };
}

function codec(desc: DescMessage): MessageCodec<unknown> {
  return {
    encode: (message) => ({ finish: () => toBinary(desc, message as Message) }),
    decode: (bytes) => fromBinary(desc, bytes),
    // Messages come complete: fromJson made them.
    fromPartial: (message) => message,
  };
}
