/** The bytes that responses took on the wire, read where everybody reads them: in the metrics of the mesh. */
import type { Mesh } from "@meshwork/sdk";

const NAME = "grpc_client_attempt_rcvd_total_compressed_message_size_bytes";

/** @param method "package.Service/Method" */
export async function receivedBytes(mesh: Mesh, method: string): Promise<number> {
  const metric = (await mesh.registry.getMetricsAsJSON()).find(({ name }) => name === NAME);
  if (metric === undefined) throw new Error(`registry has no metric ${NAME}`);
  let sum = 0;
  for (const value of metric.values) {
    if ("metricName" in value && value.metricName === `${NAME}_sum` && value.labels["grpc_method"] === method)
      sum += value.value;
  }
  return sum;
}
