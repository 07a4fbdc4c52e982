/** Two ends of a connection in memory. What one end does not read, the other has not written: as with sockets. */
import { Duplex } from "node:stream";

class End extends Duplex {
  other: End | undefined;
  #taken: (() => void) | undefined;

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    const { other } = this;
    if (other === undefined || other.destroyed) return done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    // A copy: the writer's memory is its own again once the write is done.
    setImmediate(() => other.#take(Buffer.from(chunk), done));
  }

  override _final(done: () => void): void {
    setImmediate(() => {
      if (this.other?.destroyed === false) this.other.push(null);
    });
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
    setImmediate(() => {
      if (this.other?.destroyed === false) this.other.push(null);
    });
    done(error);
  }

  #take(chunk: Buffer, done: () => void): void {
    if (this.destroyed) return done();
    this.#taken = done;
    this.push(chunk);
  }
}

export function duplexPair(): [Duplex, Duplex] {
  const one = new End();
  const other = new End();
  one.other = other;
  other.other = one;
  return [one, other];
}
