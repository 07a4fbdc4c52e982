/** A way between client and server on which connections are lost now and then. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Random } from "../../sdk/src/call/random.ts";

export class LossyRelay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #random: Random;
  #timer: NodeJS.Timeout | undefined;
  losses = 0;

  constructor(to: number, random: Random) {
    this.#random = random;
    this.#server = createServer((caller) => {
      const callee = connect(to, "127.0.0.1");
      this.#join(caller, callee);
      this.#join(callee, caller);
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  /** Loses all connections, again and again, so many milliseconds apart at most. */
  loseEvery(mostMs: number): void {
    this.#timer = setTimeout(() => {
      this.losses += this.#sockets.size / 2;
      // Some see a reset, some an end in the middle of a frame.
      for (const socket of this.#sockets) if (this.#random() < 0.5) socket.resetAndDestroy();
      for (const socket of this.#sockets) socket.destroy();
      this.loseEvery(mostMs);
    }, this.#random() * mostMs);
  }

  calm(): void {
    clearTimeout(this.#timer);
  }

  async close(): Promise<void> {
    this.calm();
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.once("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
