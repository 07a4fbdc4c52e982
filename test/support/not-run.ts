/**
 * Suites that need a program which not every machine has say that they were not run, in one line that is easy to search
 * for. Where the program must be there, as in continuous integration, REQUIRE_PEERS names it and its absence fails.
 */
export type Peer = "consul" | "current-consul" | "prometheus" | "go" | "native" | "nginx" | "haproxy" | "python-grpcio";

export function notRun(suite: string, peer: Peer, wayOut: string): void {
  const required = (process.env["REQUIRE_PEERS"] ?? "").split(",");
  const line = `not run: ${suite} needs ${peer}; ${wayOut}`;
  if (required.includes(peer)) throw new Error(`${line} (REQUIRE_PEERS names ${peer})`);
  console.log(`      ${line}`);
}
