/**
 * The standard health service (grpc.health.v1, https://github.com/grpc/grpc/blob/master/doc/health-checking.md): "" is
 * the whole server, other names are its proto services.
 */
import type { CallContext } from "../call/call-context.ts";
import { MeshError } from "../call/mesh-error.ts";
import type { ServiceDefinition } from "../contract/definition.ts";
import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  HealthListRequest,
  HealthListResponse,
} from "../gen/grpc/health/v1/health.ts";

export type ServingStatus = "SERVING" | "NOT_SERVING";

export interface HealthHandlers {
  check(request: HealthCheckRequest): Partial<HealthCheckResponse>;
  list(request: HealthListRequest): Partial<HealthListResponse>;
  watch(request: HealthCheckRequest, context: CallContext): AsyncIterable<Partial<HealthCheckResponse>>;
}

const SERVICE = "grpc.health.v1.Health";
const policy = { idempotency: "NO_SIDE_EFFECTS" } as const;
const message = { input: HealthCheckRequest, output: HealthCheckResponse, policy };
const all = { input: HealthListRequest, output: HealthListResponse, policy };

export const Health: ServiceDefinition<unknown, HealthHandlers> = {
  typeName: SERVICE,
  meshName: "health",
  methods: {
    check: { service: SERVICE, name: "Check", path: `/${SERVICE}/Check`, kind: "unary", ...message },
    list: { service: SERVICE, name: "List", path: `/${SERVICE}/List`, kind: "unary", ...all },
    watch: { service: SERVICE, name: "Watch", path: `/${SERVICE}/Watch`, kind: "serverStreaming", ...message },
  },
};

export class HealthService {
  readonly #services: ReadonlySet<string>;
  readonly #watchers = new Set<() => void>();
  #status: ServingStatus = "NOT_SERVING";
  #closed = false;

  /** @param services full names of the proto services the server has. */
  constructor(services: Iterable<string>) {
    this.#services = new Set(["", ...services]);
  }

  get status(): ServingStatus {
    return this.#status;
  }

  /** Sets the status of the server and of all its services; watchers hear it. */
  set(status: ServingStatus): void {
    this.#status = status;
    for (const wake of this.#watchers) wake();
  }

  /** Ends every watch, after it has heard the last status. */
  close(): void {
    this.#closed = true;
    for (const wake of this.#watchers) wake();
  }

  readonly handlers: HealthHandlers = {
    check: ({ service }) => {
      if (!this.#services.has(service)) throw new MeshError("NOT_FOUND", `service ${service} is not served here`);
      return { status: HealthCheckResponse_ServingStatus[this.#status] };
    },
    list: () => {
      const status = HealthCheckResponse_ServingStatus[this.#status];
      return { statuses: new Map(Array.from(this.#services, (service) => [service, { status }])) };
    },
    watch: (request, context) => this.#watch(request.service, context),
  };

  async *#watch(service: string, context: CallContext): AsyncGenerator<Partial<HealthCheckResponse>> {
    const known = this.#services.has(service);
    let last: ServingStatus | "SERVICE_UNKNOWN" | undefined;
    let wake = (): void => {};
    const woken = (): void => wake();
    this.#watchers.add(woken);
    const stop = context.cancellation.onCancel(woken);
    try {
      for (;;) {
        const changed = new Promise<void>((resolve) => (wake = resolve));
        const status = known ? this.#status : "SERVICE_UNKNOWN";
        if (status !== last) {
          last = status;
          yield { status: HealthCheckResponse_ServingStatus[status] };
        }
        if (context.cancellation.cancelled || this.#closed) return;
        if (status === (known ? this.#status : "SERVICE_UNKNOWN")) await changed;
      }
    } finally {
      this.#watchers.delete(woken);
      stop();
    }
  }
}
