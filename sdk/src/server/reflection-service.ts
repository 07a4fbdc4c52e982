/**
 * Server reflection (grpc.reflection.v1 and its twin v1alpha,
 * https://github.com/grpc/grpc/blob/master/doc/server-reflection.md) over the descriptors that contracts carry.
 */
import type { ServiceDefinition } from "../contract/definition.ts";
import { ServerReflectionRequest, ServerReflectionResponse } from "../gen/grpc/reflection/v1/reflection.ts";
import type { ReflectionIndex } from "./reflection-index.ts";

type Request = ServerReflectionRequest;
type Response = Partial<ServerReflectionResponse>;

export interface ReflectionHandlers {
  serverReflectionInfo(requests: AsyncIterable<Request>): AsyncIterable<Response>;
}

const NOT_FOUND = 5;
const UNIMPLEMENTED = 12;

function definition(version: "v1" | "v1alpha"): ServiceDefinition<unknown, ReflectionHandlers> {
  const service = `grpc.reflection.${version}.ServerReflection`;
  return {
    typeName: service,
    meshName: "server-reflection",
    methods: {
      serverReflectionInfo: {
        service,
        name: "ServerReflectionInfo",
        path: `/${service}/ServerReflectionInfo`,
        kind: "bidiStreaming",
        input: ServerReflectionRequest,
        output: ServerReflectionResponse,
        policy: { idempotency: "NO_SIDE_EFFECTS" },
      },
    },
  };
}

/** Both versions: older tools know only the second. */
export const REFLECTION_SERVICES = [definition("v1"), definition("v1alpha")] as const;

/** @param services what the server serves; those without a schema cannot be described and are not listed. */
export function reflectionHandlers(services: readonly ServiceDefinition[]): ReflectionHandlers {
  // Descriptors are decoded when somebody first asks, which in production nobody may ever do.
  let index: Promise<ReflectionIndex> | undefined;
  const open = async (): Promise<ReflectionIndex> => {
    const { reflectionIndex } = await import("./reflection-index.ts");
    return reflectionIndex(services);
  };
  return {
    async *serverReflectionInfo(requests) {
      index ??= open();
      const opened = await index;
      for await (const request of requests) yield answer(opened, request);
    },
  };
}

function answer(index: ReflectionIndex, originalRequest: Request): Response {
  const { host: validHost, messageRequest } = originalRequest;
  const reply = (messageResponse: Response["messageResponse"]): Response => ({
    validHost,
    originalRequest,
    messageResponse,
  });
  const failure = (errorCode: number, errorMessage: string): Response =>
    reply({ $case: "errorResponse", value: { errorCode, errorMessage } });
  const files = (found: readonly Uint8Array[] | undefined, what: string): Response =>
    found === undefined
      ? failure(NOT_FOUND, `${what} is not known here`)
      : reply({
          $case: "fileDescriptorResponse",
          value: { fileDescriptorProto: found.map((file) => Buffer.from(file)) },
        });
  switch (messageRequest?.$case) {
    case "listServices":
      return reply({ $case: "listServicesResponse", value: { service: index.services.map((name) => ({ name })) } });
    case "fileByFilename":
      return files(index.file(messageRequest.value), `file ${messageRequest.value}`);
    case "fileContainingSymbol":
      return files(index.symbol(messageRequest.value), `symbol ${messageRequest.value}`);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = messageRequest.value;
      return files(
        index.extension(containingType, extensionNumber),
        `extension ${extensionNumber} of ${containingType}`,
      );
    }
    case "allExtensionNumbersOfType": {
      const numbers = index.extensionNumbers(messageRequest.value);
      return numbers === undefined
        ? failure(NOT_FOUND, `type ${messageRequest.value} is not known here`)
        : reply({
            $case: "allExtensionNumbersResponse",
            value: { baseTypeName: messageRequest.value, extensionNumber: [...numbers] },
          });
    }
    case undefined:
      return failure(UNIMPLEMENTED, "the request asks for nothing that this server knows");
  }
}
