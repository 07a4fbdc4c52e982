/** A server of plain HTTP/2 made of Http2Session alone: it answers every request with 200 and a few words. */
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { maxFieldBytes } from "../../sdk/src/transport/http2/hpack/hpack-encoder.ts";
import { Http2Session, type SessionEvents } from "../../sdk/src/transport/http2/http2-session.ts";
import type { Http2Stream, StreamEvents } from "../../sdk/src/transport/http2/http2-stream.ts";
import { DEFAULT_HTTP2_LIMITS, type Http2Limits } from "../../sdk/src/transport/http2/limits.ts";

const BODY = Buffer.from("hello, whoever you are");
const NO_BYTES = Buffer.alloc(0);
const CHECK_MS = 100;

export class PlainHttp2Server {
  readonly sessions = new Set<Http2Session>();
  readonly #server: Server;
  readonly #upkeep: NodeJS.Timeout;

  constructor(limits: Partial<Http2Limits> = {}) {
    this.#server = createServer({ noDelay: true }, (socket) =>
      this.#accept(socket, { ...DEFAULT_HTTP2_LIMITS, ...limits }),
    );
    this.#upkeep = setInterval(() => {
      for (const session of this.sessions) session.check(systemClock.now());
    }, CHECK_MS);
  }

  async listen(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const session of this.sessions) session.abort(0, "server stopped");
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
    clearInterval(this.#upkeep);
  }

  #accept(socket: Socket, limits: Http2Limits): void {
    const events: SessionEvents = {
      onRequest: (stream) => answering(session, stream),
      onSettings: () => {},
      onStreamEnded: () => {},
      onGoaway: () => {},
      onLeaving: () => {},
      onPing: () => {},
      onClosed: () => this.sessions.delete(session),
    };
    const session = new Http2Session({ role: "server", socket, limits, clock: systemClock, events });
    this.sessions.add(session);
  }
}

/** Reads a request to its end, and answers it then. */
function answering(session: Http2Session, stream: Http2Stream): StreamEvents {
  return {
    onHeaders: () => {},
    onData: (_chunk, start, end) => session.consume(stream, end - start),
    onEnd() {
      const at = session.startHeaders(maxFieldBytes(":status", "200"));
      session.finishHeaders(stream, session.encoder.literal(session.output.slab, at, ":status", "200"), false);
      session.send(stream, NO_BYTES, BODY, true);
    },
    onDrain: () => {},
    onReset: () => {},
  };
}
