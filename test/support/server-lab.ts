/** Handlers behind the dispatcher, called by real clients in memory and virtual time. */
import type { CallContext } from "../../sdk/src/call/call-context.ts";
import type { MeshError } from "../../sdk/src/call/mesh-error.ts";
import type { ServerCallRecord } from "../../sdk/src/call/observer.ts";
import type { CallOptions } from "../../sdk/src/client/call-options.ts";
import { StreamCall } from "../../sdk/src/client/stream-call.ts";
import { callUnary } from "../../sdk/src/client/unary-call.ts";
import type { MethodPolicy } from "../../sdk/src/contract/policy.ts";
import type { ServerInterceptor } from "../../sdk/src/server/interceptor.ts";
import { serveStream } from "../../sdk/src/server/serve-stream.ts";
import { serveUnary } from "../../sdk/src/server/serve-unary.ts";
import { type Handler, ServedMethod } from "../../sdk/src/server/served-method.ts";
import { DEFAULT_LIMITS } from "../../sdk/src/transport/transport.ts";
import { CallLab, live, type MethodName, textMethod } from "./call-lab.ts";
import { recordedLog } from "./logs.ts";

type UnaryHandler = (text: string, context: CallContext) => unknown;
type StreamHandler = (texts: AsyncIterable<string>, context: CallContext) => unknown;

export interface Handlers {
  readonly Ask?: UnaryHandler;
  readonly List?: UnaryHandler;
  readonly Gather?: StreamHandler;
  readonly Chat?: StreamHandler;
}

export interface ServerLabOptions {
  readonly policy?: Partial<MethodPolicy>;
  readonly interceptors?: readonly ServerInterceptor[];
}

export class ServerLab {
  readonly client = new CallLab();
  readonly clock = this.client.clock;
  readonly records: ServerCallRecord[] = [];
  readonly inFlight = { count: 0 };
  started = 0;

  static async with(handlers: Handlers, options: ServerLabOptions = {}): Promise<ServerLab> {
    const lab = new ServerLab();
    const environment = { clock: lab.clock, log: recordedLog().log, inFlight: lab.inFlight };
    const observer = {
      callStarted: () => void lab.started++,
      callEnded: (record: ServerCallRecord) => void lab.records.push(record),
    };
    const dispatch = new Map(
      (Object.entries(handlers) as [MethodName, Handler][]).map(([name, handler]) => {
        const method = textMethod(name, options.policy);
        const served = new ServedMethod(method, handler, options.interceptors ?? [], [observer], environment);
        return [method.path, method.kind === "unary" ? serveUnary(served) : serveStream(served)] as const;
      }),
    );
    const listening = { address: { host: "a", port: 1 }, limits: DEFAULT_LIMITS, clock: lab.clock };
    await lab.client.transport.listen(listening, dispatch);
    lab.client.directory.publish(live("a"));
    await lab.client.settle();
    return lab;
  }

  ask(text: string, options?: CallOptions): Promise<unknown> {
    return callUnary(this.client.method("Ask"), text, options);
  }

  open(name: MethodName, texts: AsyncIterable<unknown> | Iterable<unknown>, options?: CallOptions): StreamCall {
    return new StreamCall(this.client.method(name), texts, options).start();
  }

  settle(): Promise<void> {
    return this.client.settle();
  }
}

/** What a token was cancelled with, once it is. */
export function cancelledBy(context: CallContext): Promise<MeshError> {
  return new Promise((resolve) => void context.cancellation.onCancel(resolve));
}
