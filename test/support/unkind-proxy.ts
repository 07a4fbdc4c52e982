/**
 * A way between a program and an HTTP server on which things go wrong as they do on networks: answers that break off in
 * their body, that come by the byte, that do not come, connections that are reset. The kind of trouble can change at any
 * time and holds for connections there are too; when it is over, what was held back goes on as if nothing had been.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export type Trouble =
  | { readonly kind: "none" }
  /** Every answer with a body ends in the middle of it, by an orderly end or by a reset, in turns. */
  | { readonly kind: "truncate" }
  /** Answers come at so many bytes a second. */
  | { readonly kind: "slow"; readonly bytesPerSecond: number }
  /** Connections are taken, nothing passes. */
  | { readonly kind: "hang" }
  /** Connections are reset: those there are now, new ones as they come. */
  | { readonly kind: "reset" };

const NO_TROUBLE: Trouble = { kind: "none" };
/** Of a second: how often a slow answer goes on. */
const SLICES = 10;
const HEAD_ENDS = "\r\n\r\n";

export class UnkindProxy {
  readonly #to: { readonly host: string; readonly port: number };
  readonly #server: Server;
  readonly #ways = new Set<Way>();
  #trouble: Trouble = NO_TROUBLE;
  /** How often each kind of trouble has been made: answers cut, slices of slow ones, connections held or reset. */
  readonly made = { truncate: 0, slow: 0, hang: 0, reset: 0 };

  constructor(host: string, port: number) {
    this.#to = { host, port };
    this.#server = createServer((caller) => this.#take(caller));
  }

  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get trouble(): Trouble {
    return this.#trouble;
  }

  make(trouble: Trouble): void {
    this.#trouble = trouble;
    for (const way of this.#ways) way.changed();
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const way of this.#ways) way.destroy();
    await closed;
  }

  #take(caller: Socket): void {
    const way = new Way(this, caller, connect(this.#to.port, this.#to.host));
    this.#ways.add(way);
    caller.once("close", () => this.#ways.delete(way));
    way.changed();
  }
}

/** One connection through the proxy. */
class Way {
  readonly #proxy: UnkindProxy;
  readonly #caller: Socket;
  readonly #callee: Socket;
  #held: Buffer[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(proxy: UnkindProxy, caller: Socket, callee: Socket) {
    this.#proxy = proxy;
    this.#caller = caller;
    this.#callee = callee;
    for (const socket of [caller, callee]) {
      socket.setNoDelay(true);
      socket.on("error", () => this.destroy());
      socket.once("close", () => this.destroy());
    }
    caller.on("data", (chunk: Buffer) => void callee.write(chunk));
    callee.on("data", (chunk: Buffer) => this.#answer(chunk));
  }

  /** Another kind of trouble begins. */
  changed(): void {
    const { trouble, made } = this.#proxy;
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (trouble.kind === "hang") {
      made.hang++;
      this.#caller.pause();
      this.#callee.pause();
      return;
    }
    if (trouble.kind === "reset") {
      made.reset++;
      this.#caller.resetAndDestroy();
      return;
    }
    if (trouble.kind === "slow") {
      const slice = Math.max(1, Math.floor(trouble.bytesPerSecond / SLICES));
      this.#timer = setInterval(() => this.#pass(slice), 1_000 / SLICES);
    } else {
      this.#pass(Infinity);
    }
    this.#caller.resume();
    this.#callee.resume();
  }

  destroy(): void {
    clearInterval(this.#timer);
    this.#caller.destroy();
    this.#callee.destroy();
  }

  #answer(chunk: Buffer): void {
    switch (this.#proxy.trouble.kind) {
      case "truncate":
        this.#truncate(chunk);
        return;
      case "slow":
        this.#held.push(chunk);
        return;
      case "none":
      case "hang":
      case "reset":
        this.#caller.write(chunk);
    }
  }

  /** Consul writes head and body of its short answers at once; of longer ones a chunk may be body alone. */
  #truncate(chunk: Buffer): void {
    const head = chunk.indexOf(HEAD_ENDS);
    const bodyAt = head < 0 ? 0 : head + HEAD_ENDS.length;
    const bodyBytes = chunk.length - bodyAt;
    if (bodyBytes === 0) {
      this.#caller.write(chunk);
      return;
    }
    const cut = chunk.subarray(0, bodyAt + (bodyBytes >> 1));
    const orderly = this.#proxy.made.truncate++ % 2 === 0;
    this.#callee.removeAllListeners("data").resume();
    this.#caller.write(cut, () => {
      if (orderly) this.#caller.end();
      else this.#caller.resetAndDestroy();
    });
  }

  /** Passes on at most so many of the bytes that are held. */
  #pass(bytes: number): void {
    let left = bytes;
    while (left > 0) {
      const first = this.#held.shift();
      if (first === undefined) return;
      const part = first.subarray(0, left);
      if (part.length < first.length) this.#held.unshift(first.subarray(part.length));
      left -= part.length;
      if (this.#timer !== undefined) this.#proxy.made.slow++;
      this.#caller.write(part);
    }
  }
}
