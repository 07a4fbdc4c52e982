/**
 * A transport of the SDK by itself, through its port: what is left of a call when everything above the transport is gone.
 * No metadata, no promises, and a receiver that serves all calls of its worker.
 */
import type { RecordableHistogram } from "node:perf_hooks";
import type * as clocks from "../../../sdk/src/call/clock.ts";
import type * as metadatas from "../../../sdk/src/call/metadata.ts";
import type * as transports from "../../../sdk/src/transport/transport.ts";
import type {
  CallOutcome,
  ClientStream,
  Connection,
  OutgoingCall,
  ServerMethod,
  ServerStatus,
  ServerStream,
  ServerStreamReceiver,
  StreamReceiver,
  Transport,
  UnaryReceiver,
} from "../../../sdk/src/transport/transport.ts";
import { BenchService } from "../gen/bench/v1/bench.mesh.ts";
import { EchoRequest, EchoResponse, RepeatRequest, RepeatResponse } from "../gen/bench/v1/bench.ts";
import { built, builtTransport, type TransportName } from "./built.ts";
import { echoRequest, repeatRequest } from "./messages.ts";
import { DEADLINE_MS, type Load } from "./plan.ts";
import { type Caller, type PeerSide, recordSince, type Tls } from "./side.ts";

const { systemClock } = await built<typeof clocks>("call/clock.js");
const { Metadata } = await built<typeof metadatas>("call/metadata.js");
const { DEFAULT_LIMITS } = await built<typeof transports>("transport/transport.js");

const NO_METADATA = new Metadata();
const OK: ServerStatus = { status: 0, reason: "", trailers: NO_METADATA };

export async function bareTransport(name: TransportName): Promise<PeerSide | undefined> {
  const transport = await builtTransport(name);
  if (transport === undefined) return undefined;
  return {
    listen: async (tls) => {
      const address = { host: "127.0.0.1", port: 0 };
      const listener = await transport.listen({ address, limits: DEFAULT_LIMITS, clock: systemClock, tls }, dispatch());
      return listener.address.port;
    },
    connect: async (port, load, tls) => {
      const connection = await connected(transport, port, tls);
      return load.kind === "unary" ? unaryCaller(connection, load) : streamCaller(connection, load);
    },
  };
}

function dispatch(): ReadonlyMap<string, ServerMethod> {
  const { echo, repeat } = BenchService.methods;
  if (echo === undefined || repeat === undefined) throw new Error("bench.proto has other methods than this expects");
  return new Map<string, ServerMethod>([
    [
      echo.path,
      {
        method: echo,
        kind: "unary",
        handle: (_call, body, respond) => {
          const { text, data } = EchoRequest.decode(body);
          respond(OK, EchoResponse.encode({ text, data }).finish());
        },
      },
    ],
    [repeat.path, { method: repeat, kind: "stream", handle: (_call, stream) => new Repeating(stream) }],
  ]);
}

class Repeating implements ServerStreamReceiver {
  readonly #stream: ServerStream;
  #message: RepeatResponse = { text: "" };
  #left = 0;
  #finished = false;

  constructor(stream: ServerStream) {
    this.#stream = stream;
    stream.request();
  }

  onMessage(body: Uint8Array): void {
    const { text, data, count } = RepeatRequest.decode(body);
    this.#message = { text, data };
    this.#left = count;
  }

  onHalfClose(): void {
    this.onDrain();
  }

  onDrain(): void {
    while (this.#left > 0) {
      this.#left--;
      if (!this.#stream.send(RepeatResponse.encode(this.#message).finish())) return;
    }
    if (this.#finished) return;
    this.#finished = true;
    this.#stream.finish(OK);
  }
}

function connected(transport: Transport, port: number, tls: Tls): Promise<Connection> {
  return new Promise((resolve) => {
    const connection = transport.connect(
      { host: "127.0.0.1", port },
      {
        limits: DEFAULT_LIMITS,
        clock: systemClock,
        tls,
        onStateChange: (state) => {
          if (state === "ready") resolve(connection);
        },
      },
    );
    connection.connect();
  });
}

function outgoing(path: string): OutgoingCall {
  return { path, metadata: NO_METADATA, deadline: systemClock.now() + DEADLINE_MS, encoding: "identity" };
}

/** What the workers of a run share. */
class Run {
  readonly connection: Connection;
  readonly latency: RecordableHistogram;
  readonly ended: Promise<void>;
  left: number;
  #working: number;
  #resolve: () => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(connection: Connection, latency: RecordableHistogram, calls: number, workers: number) {
    this.connection = connection;
    this.latency = latency;
    this.left = calls;
    this.#working = workers;
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  workerEnded(): void {
    if (--this.#working === 0) this.#resolve();
  }

  failed({ status, reason }: CallOutcome): void {
    this.#reject(new Error(`call ended with status ${status}: ${reason}`));
  }
}

function unaryCaller(connection: Connection, load: Load): Caller {
  const request = echoRequest(load.bytes);
  return {
    run: (calls, latency) => {
      const run = new Run(connection, latency, calls, load.concurrency);
      for (let worker = 0; worker < load.concurrency; worker++) new EchoWorker(run, request).next();
      return run.ended;
    },
  };
}

class EchoWorker implements UnaryReceiver {
  readonly #run: Run;
  readonly #request: EchoRequest;
  #begun = 0;

  constructor(run: Run, request: EchoRequest) {
    this.#run = run;
    this.#request = request;
  }

  next(): void {
    const run = this.#run;
    if (run.left === 0) {
      run.workerEnded();
      return;
    }
    run.left--;
    this.#begun = performance.now();
    run.connection.unary(outgoing("/bench.v1.BenchService/Echo"), EchoRequest.encode(this.#request).finish(), this);
  }

  onHeaders(): void {}

  onDone(outcome: CallOutcome, body: Uint8Array | undefined): void {
    if (body === undefined) {
      this.#run.failed(outcome);
      return;
    }
    EchoResponse.decode(body);
    recordSince(this.#run.latency, this.#begun);
    this.next();
  }
}

function streamCaller(connection: Connection, load: Load): Caller {
  return {
    run: (calls, latency) => {
      const request = RepeatRequest.encode(repeatRequest(load.bytes, calls / load.concurrency)).finish();
      const run = new Run(connection, latency, calls, load.concurrency);
      for (let worker = 0; worker < load.concurrency; worker++) new RepeatReader(run).start(request);
      return run.ended;
    },
  };
}

class RepeatReader implements StreamReceiver {
  readonly #run: Run;
  #stream: ClientStream | undefined;
  #last = 0;

  constructor(run: Run) {
    this.#run = run;
  }

  start(request: Uint8Array): void {
    this.#last = performance.now();
    this.#stream = this.#run.connection.open(outgoing("/bench.v1.BenchService/Repeat"), this);
    this.#stream.send(request);
    this.#stream.end();
    this.#stream.request();
  }

  onHeaders(): void {}

  onMessage(body: Uint8Array): void {
    RepeatResponse.decode(body);
    recordSince(this.#run.latency, this.#last);
    this.#last = performance.now();
    this.#stream?.request();
  }

  onDrain(): void {}

  onDone(outcome: CallOutcome): void {
    if (outcome.status === 0) this.#run.workerEnded();
    else this.#run.failed(outcome);
  }
}
