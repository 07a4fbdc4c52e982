/**
 * Reads a socket into one piece of memory that is used over and over. Node gives every read memory of its own, 64 KiB that
 * are cut to what came; making and collecting them costs more than all else about a small message that arrives.
 *
 * `net.connect()` has an option for this, `onread`
 * (https://nodejs.org/api/net.html#new-netsocketoptions); sockets that a server accepts have none, so what the option
 * sets is set here. Where a socket lacks it (TLS, other duplexes, a Node that keeps it elsewhere) it is read as usual.
 */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** As much as a read may bring: a few long frames at once, and no more than a processor's cache holds. */
const READ_BYTES = 256 * 1024;

/** All reads of a process take turns, so one memory is enough, but where the system is given it long before it reads. */
const SHARED = process.platform === "win32" ? undefined : Buffer.allocUnsafeSlow(READ_BYTES);

type Take = (chunk: Buffer) => void;

/** What of a socket says where reads go. */
interface ReadTarget {
  readonly handle: { useUserBuffer(memory: Uint8Array): void };
  readonly memory: symbol;
  readonly callback: symbol;
}

/**
 * Gives all that comes to `take`, from the next turn on.
 *
 * @param take is given memory that is only its own until it returns. It must not throw.
 */
export function readSocket(socket: Duplex, take: Take): void {
  const target = socket instanceof Socket ? readTarget(socket) : undefined;
  if (target === undefined) {
    socket.on("data", take);
    return;
  }
  const memory = SHARED ?? Buffer.allocUnsafeSlow(READ_BYTES);
  Object.assign(socket, {
    [target.memory]: memory,
    [target.callback]: (bytes: number): true => {
      take(memory.subarray(0, bytes));
      return true;
    },
  });
  target.handle.useUserBuffer(memory);
  socket.resume();
}

function readTarget(socket: Socket): ReadTarget | undefined {
  // A TLS socket reads what another has decrypted; and what a socket has already read must come first.
  if ("encrypted" in socket || socket.readableLength > 0) return undefined;
  const handle: unknown = Reflect.get(socket, "_handle");
  const symbols = Object.getOwnPropertySymbols(socket);
  const memory = symbols.find(({ description }) => description === "kBuffer");
  const callback = symbols.find(({ description }) => description === "kBufferCb");
  if (!takesMemory(handle) || memory === undefined || callback === undefined) return undefined;
  return { handle, memory, callback };
}

function takesMemory(handle: unknown): handle is ReadTarget["handle"] {
  return typeof handle === "object" && handle !== null && "useUserBuffer" in handle;
}
