/** Where the contract of a call comes from: a server's reflection, or .proto files. */
import type { DescMethod, DescService, Registry } from "@bufbuild/protobuf";
import type { MethodPolicy } from "@meshwork/sdk/contract";

export interface ContractSource {
  /** For messages: "127.0.0.1:50051", "greeter.proto". */
  readonly place: string;
  /** Full names of all services. */
  services(): Promise<readonly string[]>;
  /** A service by its full name, or undefined when the source knows none. */
  service(typeName: string): Promise<KnownService | undefined>;
  /** Types for messages that name one (google.protobuf.Any), or undefined when the source does not know it. */
  typesWith(typeName: string): Promise<Registry | undefined>;
  close(): void;
}

export interface KnownService {
  readonly desc: DescService;
  /** The name it is discovered under. */
  readonly meshName: string;
  /** What its contract mentions. */
  readonly types: Registry;
  policyOf(method: DescMethod): MethodPolicy;
}
