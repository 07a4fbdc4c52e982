/** A typed client from a definition: one function per method, everything else bound beforehand. */
import type { MethodDefinition } from "../contract/definition.ts";
import type { BoundMethod } from "./bound-method.ts";
import type { CallOptions } from "./call-options.ts";
import type { ClientInterceptor, ClientNext } from "./interceptor.ts";
import { LazyResponses } from "./lazy-responses.ts";
import { type Requests, singleResponse, StreamCall } from "./stream-call.ts";
import { callUnary } from "./unary-call.ts";

type ClientMethod = (input: unknown, options?: CallOptions) => Promise<unknown> | AsyncIterable<unknown>;

/** @param bind prepares a method; called once for each. */
export function typedClient(
  methods: Readonly<Record<string, MethodDefinition>>,
  bind: (definition: MethodDefinition) => BoundMethod,
  interceptors: readonly ClientInterceptor[],
): Readonly<Record<string, ClientMethod>> {
  // Without a prototype a method may be called anything, "constructor" included.
  const client: Record<string, ClientMethod> = Object.create(null);
  for (const [name, definition] of Object.entries(methods)) {
    const method = bind(definition);
    client[name] = interceptors.length === 0 ? invoker(method) : intercepted(method, interceptors);
  }
  return Object.freeze(client);
}

function invoker(method: BoundMethod): ClientMethod {
  switch (method.definition.kind) {
    case "unary":
      return async (request, options) => {
        try {
          return await callUnary(method, request, options);
        } catch (error) {
          throw fromHere(error);
        }
      };
    case "serverStreaming":
      return (request, options) =>
        new LazyResponses(() => new StreamCall(method, [request], options, request).start().responses);
    case "clientStreaming":
      return async (requests, options) => {
        try {
          return await singleResponse(new StreamCall(method, requests as Requests, options).start());
        } catch (error) {
          throw fromHere(error);
        }
      };
    case "bidiStreaming":
      return (requests, options) =>
        new LazyResponses(() => new StreamCall(method, requests as Requests, options).start().responses);
  }
}

function intercepted(method: BoundMethod, interceptors: readonly ClientInterceptor[]): ClientMethod {
  const { definition } = method;
  const { target } = method.environment.channel;
  const invoke = invoker(method);
  const last: ClientNext = async (call) => invoke(call.input, call.options);
  const chain = interceptors.reduceRight<ClientNext>((next, interceptor) => interceptor(next), last);
  const run = async (input: unknown, options: CallOptions | undefined): Promise<unknown> =>
    chain({ method: definition, target, input, options: options ?? {} });
  const streams = definition.kind === "serverStreaming" || definition.kind === "bidiStreaming";
  return streams ? (input, options) => new LazyResponses(() => run(input, options)) : run;
}

/**
 * A failure is made where the transport reports it, far from whoever made the call. Taken again after an await, its stack
 * leads to the line that called; the await costs less than the line is worth (test/bench/transport).
 */
function fromHere(error: unknown): unknown {
  if (error instanceof Error) Error.captureStackTrace(error, fromHere);
  return error;
}
