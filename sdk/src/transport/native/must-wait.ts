/** When a stream's sender must wait: the same at clients and servers. */
import type { Http2Stream } from "../http2/http2-stream.ts";
import type { Output, Writer } from "../http2/output.ts";

/** What may wait to be sent before a stream's sender is asked to wait too. */
export const SEND_HIGH_WATER_BYTES = 64 * 1024;

/** If so, the writer's onDrain follows. */
export function mustWait(output: Output, stream: Http2Stream, writer: Writer): boolean {
  if (stream.queuedBytes > SEND_HIGH_WATER_BYTES) return true;
  if (stream.queuedBytes > 0 || !output.crowded) return false;
  output.tellWhenFlushed(writer);
  return true;
}
