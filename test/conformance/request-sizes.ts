/**
 * Whether requests came compressed, told by their size on the wire: payloads of the interop cases are zeros, of which
 * gzip leaves a hundredth at most. A stream's requests are read ahead of its handler, so their sizes are known as a sum
 * only; it tells all the same, for no case has two requests of a size.
 */
import { MeshError } from "@meshwork/sdk";
import type { BoolValue, Payload } from "./gen/grpc/testing/messages.ts";

/** Fields beside the payload, and gzip's own header and trailer. */
const ENVELOPE_BYTES = 64;
const LEAST_RATIO = 100;

interface Request {
  readonly payload?: Payload | undefined;
  readonly expectCompressed?: BoolValue | undefined;
}

export class RequestSizes {
  /** Sum of the payloads. */
  payloadBytes = 0;
  /** Between these the sum on the wire must lie. */
  #least = 0;
  #most = 0;

  add({ payload, expectCompressed }: Request): void {
    const size = payload?.body.length ?? 0;
    this.payloadBytes += size;
    if (expectCompressed?.value === false) this.#least += size;
    this.#most += ENVELOPE_BYTES + (expectCompressed?.value === true ? Math.ceil(size / LEAST_RATIO) : size);
  }

  /** Throws INVALID_ARGUMENT when the requests were not compressed as they say they are. */
  check(wireBytes: number): void {
    if (wireBytes >= this.#least && wireBytes <= this.#most) return;
    throw new MeshError(
      "INVALID_ARGUMENT",
      `requests took ${wireBytes} bytes: compressed as expect_compressed says they take ${this.#least} to ${this.#most}`,
    );
  }
}
