/** How messages become bytes. ts-proto's generated objects are codecs as they are. */
import type { BinaryWriter } from "@bufbuild/protobuf/wire";

/** A message of which every field may be left out, to any depth. */
export type DeepPartial<T> = T extends Uint8Array | bigint | string | number | boolean | undefined
  ? T
  : T extends Map<infer K, infer V>
    ? Map<K, V>
    : T extends readonly (infer U)[]
      ? readonly DeepPartial<U>[]
      : T extends object
        ? { [K in keyof T]?: DeepPartial<T[K]> }
        : Partial<T>;

export interface MessageCodec<T> {
  /** Writes a complete message; finish() gives its bytes. */
  encode(message: T, writer?: BinaryWriter): { finish(): Uint8Array };
  /** Reads a message; throws on bytes that are none. */
  decode(bytes: Uint8Array): T;
  /** Completes a message that lacks fields. */
  fromPartial(partial: DeepPartial<T>): T;
}
