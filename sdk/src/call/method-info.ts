/** What every room needs to know of a method: its names and its kind. Contracts add codecs and policy. */
export type CallKind = "unary" | "serverStreaming" | "clientStreaming" | "bidiStreaming";

export interface MethodInfo {
  /** Full name of the proto service: "greeter.v1.GreeterService". */
  readonly service: string;
  /** Name in the proto file: "SayHello". */
  readonly name: string;
  /** "/greeter.v1.GreeterService/SayHello" */
  readonly path: string;
  readonly kind: CallKind;
}

/** The method as people and metrics write it: the path without its leading slash (gRFC A66). */
export function methodLabel(method: MethodInfo): string {
  return method.path.slice(1);
}
