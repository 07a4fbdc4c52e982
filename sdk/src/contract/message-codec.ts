/** How messages become bytes. ts-proto's generated objects are codecs as they are. */
import type { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { DeepPartial } from "../call/deep-partial.ts";

export type { DeepPartial };

export interface MessageCodec<T> {
  /** Writes a complete message; finish() gives its bytes. */
  encode(message: T, writer?: BinaryWriter): { finish(): Uint8Array };
  /** Reads a message; throws on bytes that are none. */
  decode(bytes: Uint8Array): T;
  /** Completes a message that lacks fields. */
  fromPartial(partial: DeepPartial<T>): T;
}
