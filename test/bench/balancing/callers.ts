/** Those who call the greeters, each in its own way. Every call is sent once: a retry would hide what balancing did. */
import { ChannelCredentials, Client, type ServiceError } from "@grpc/grpc-js";
import { createMesh, type MeshOptions } from "@meshwork/sdk";
import { GreeterService } from "../../../services/gen/greeter/v1/greeter.mesh.ts";
import { SayHelloRequest, SayHelloResponse } from "../../../services/gen/greeter/v1/greeter.ts";

export interface Caller {
  readonly name: string;
  /** Resolves with who answered. */
  call(): Promise<string>;
  close(): Promise<void>;
}

const DEADLINE_MS = 1_000;
const REQUEST: SayHelloRequest = { name: "Ada", language: "" };

export function meshCaller(name: string, url: string, options: MeshOptions): Caller {
  const mesh = createMesh({ service: name, consul: { url }, registration: false, admin: false, ...options });
  const greeter = mesh.client(GreeterService, { policy: { retry: null, deadlineMs: DEADLINE_MS } });
  return {
    name,
    call: async () => (await greeter.sayHello(REQUEST)).instance,
    close: () => mesh.close(),
  };
}

/** It knows nothing of registries: it has the addresses that it is given at its start, as from a file. */
export function grpcJsCaller(name: string, ports: readonly number[]): Caller {
  const target = `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(",")}`;
  const config = { loadBalancingConfig: [{ round_robin: {} }], methodConfig: [] };
  const client = new Client(target, ChannelCredentials.createInsecure(), {
    "grpc.service_config": JSON.stringify(config),
    "grpc.enable_retries": 0,
  });
  const encode = (request: SayHelloRequest): Buffer => Buffer.from(SayHelloRequest.encode(request).finish());
  const decode = (bytes: Buffer): SayHelloResponse => SayHelloResponse.decode(bytes);
  const call = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const deadline = Date.now() + DEADLINE_MS;
      const done = (error: ServiceError | null, response?: SayHelloResponse): void => {
        if (error === null) resolve(response?.instance ?? "");
        else reject(error);
      };
      client.makeUnaryRequest("/greeter.v1.GreeterService/SayHello", encode, decode, REQUEST, { deadline }, done);
    });
  return { name, call, close: async () => client.close() };
}
