/** Clients and services as programs on @grpc/grpc-js have them, of the greeter's contract: they know nothing of the mesh. */
import {
  type CallOptions,
  type ChannelInterface,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  makeClientConstructor,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
  type ServiceDefinition,
  type ServiceError,
  type StatusObject,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

type ServiceClient = InstanceType<ServiceClientConstructor>;

const SERVICE = "greeter.v1.GreeterService";
const loaded = loadSync("greeter/v1/greeter.proto", { includeDirs: ["proto"], defaults: true });

/** As proto-loader makes it: methods by their names in the proto file, "sayHello" being their original names. */
export const greeterService = loaded[SERVICE] as unknown as ServiceDefinition;

/** Both ways in which programs get their client classes. */
export const CLIENT_CLASSES: Readonly<Record<string, ServiceClientConstructor>> = {
  makeClientConstructor: makeClientConstructor(greeterService, SERVICE),
  loadPackageDefinition: at(loadPackageDefinition(loaded), SERVICE) as ServiceClientConstructor,
};

function at(tree: GrpcObject, path: string): unknown {
  return path.split(".").reduce<unknown>((place, name) => Reflect.get(place as object, name), tree);
}

export interface Answer {
  readonly error: ServiceError | null;
  readonly response: Record<string, unknown> | undefined;
  readonly headers: Metadata | undefined;
  readonly status: StatusObject;
  readonly peer: string;
}

interface Asked {
  readonly metadata?: Metadata;
  readonly options?: CallOptions;
  /** Given the call once it has been made. */
  readonly made?: (call: ClientUnaryCall) => void;
}

/** A client's methods as promises and streams. */
export class GreeterClient {
  readonly client: ServiceClient;

  private constructor(client: ServiceClient) {
    this.client = client;
  }

  static over(channel: ChannelInterface, Class = CLIENT_CLASSES["makeClientConstructor"], options = {}): GreeterClient {
    if (Class === undefined) throw new Error("no such class of clients");
    // The address must be nobody's: what answers can only have been reached through the channel.
    const everything = { ...options, channelOverride: channel };
    return new GreeterClient(new Class("nobody.invalid:1", credentials.createInsecure(), everything));
  }

  static plain(address: string): GreeterClient {
    const Class = CLIENT_CLASSES["makeClientConstructor"] as ServiceClientConstructor;
    return new GreeterClient(new Class(address, credentials.createInsecure()));
  }

  sayHello(request: object, { metadata = new Metadata(), options = {}, made }: Asked = {}): Promise<Answer> {
    return new Promise((resolve) => {
      let headers: Metadata | undefined;
      let result: { error: ServiceError | null; response: Record<string, unknown> | undefined };
      const call: ClientUnaryCall = this.#method("sayHello")(
        request,
        metadata,
        options,
        (error: ServiceError | null, response?: Record<string, unknown>) => void (result = { error, response }),
      );
      call.on("metadata", (received: Metadata) => void (headers = received));
      call.on("status", (status: StatusObject) => resolve({ ...result, headers, status, peer: call.getPeer() }));
      made?.(call);
    });
  }

  sayHelloEverywhere(request: object, options: CallOptions = {}): ClientReadableStream<Record<string, unknown>> {
    return this.#method("sayHelloEverywhere")(request, new Metadata(), options);
  }

  /** The call, and its one response. */
  greetGroup(): { readonly call: ClientWritableStream<object>; readonly answer: Promise<Record<string, unknown>> } {
    let call: ClientWritableStream<object> | undefined;
    const answer = new Promise<Record<string, unknown>>((resolve, reject) => {
      call = this.#method("greetGroup")((error: ServiceError | null, response: Record<string, unknown>) => {
        if (error === null) resolve(response);
        else reject(error);
      });
    });
    return { call: call as unknown as ClientWritableStream<object>, answer };
  }

  chat(): ClientDuplexStream<object, Record<string, unknown>> {
    return this.#method("chat")();
  }

  ready(timeoutMs: number): Promise<Error | undefined> {
    return new Promise((resolve) => this.client.waitForReady(Date.now() + timeoutMs, resolve));
  }

  close(): void {
    this.client.close();
  }

  #method(name: string): (...args: unknown[]) => never {
    return (Reflect.get(this.client, name) as (...args: unknown[]) => never).bind(this.client);
  }
}

/** Handlers with their own types; grpc-js's own say that they return nothing, but many are asynchronous. */
export function implementation(
  handlers: Readonly<Record<string, (call: never, callback: never) => unknown>>,
): UntypedServiceImplementation {
  return handlers as never;
}

export interface PlainServer {
  /** "host:port" */
  readonly address: string;
  close(): void;
}

/** A server of grpc-js itself. */
export async function plainServer(implementation: UntypedServiceImplementation): Promise<PlainServer> {
  const server = new Server();
  server.addService(greeterService, implementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { address: `127.0.0.1:${port}`, close: () => server.forceShutdown() };
}

/** The status that ends a stream, after whatever came before it. */
export function statusOf(stream: NodeJS.EventEmitter): Promise<StatusObject> {
  stream.on("error", () => {});
  return new Promise((resolve) => stream.once("status", resolve));
}
