/** nginx and HAProxy before a gRPC server, as their manuals have it. Nothing of theirs stays on disk. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { Program } from "./program.ts";

export interface Proxy {
  readonly port: number;
  /** Ends it and removes its files. */
  close(): Promise<void>;
}

export interface ProxyKind {
  readonly name: "nginx" | "haproxy";
  /** The Debian package. */
  readonly package: string;
  config(port: number, upstream: number, folder: string): string;
  args(file: string, folder: string): string[];
}

/** nginx asks its upstream for no header table, and opens a connection for each call that finds none idle. */
export const NGINX: ProxyKind = {
  name: "nginx",
  package: "nginx-light",
  config: (port, upstream, folder) => `
    daemon off;
    master_process off;
    pid ${folder}/nginx.pid;
    error_log stderr warn;
    events { worker_connections 512; }
    http {
      access_log off;
      client_body_temp_path ${folder}/body;
      proxy_temp_path ${folder}/proxy;
      fastcgi_temp_path ${folder}/fastcgi;
      uwsgi_temp_path ${folder}/uwsgi;
      scgi_temp_path ${folder}/scgi;
      client_max_body_size 0;
      upstream lab {
        server 127.0.0.1:${upstream};
        keepalive 4;
      }
      server {
        listen 127.0.0.1:${port} http2;
        location / { grpc_pass grpc://lab; }
      }
    }`,
  args: (file, folder) => ["-p", folder, "-c", file, "-e", "stderr"],
};

/**
 * Buffers of more than a stream's window, since HAProxy before 2.9.1, unless patched, ends the connection to a server whose
 * trailers come while their stream's buffer is full (https://github.com/haproxy/haproxy/issues/2388).
 */
export const HAPROXY: ProxyKind = {
  name: "haproxy",
  package: "haproxy",
  config: (port, upstream) => `
    global
      maxconn 512
      tune.bufsize 131072
    defaults
      mode http
      timeout connect 5s
      timeout client 60s
      timeout server 60s
    frontend callers
      bind 127.0.0.1:${port} proto h2
      default_backend lab
    backend lab
      server one 127.0.0.1:${upstream} proto h2
    `,
  args: (file) => ["-db", "-f", file],
};

/** Starts one; it takes connections when this resolves. */
export async function startProxy(kind: ProxyKind, path: string, upstream: number): Promise<Proxy> {
  const folder = await mkdtemp(join(tmpdir(), `mesh-${kind.name}-`));
  const port = await freePort();
  const file = join(folder, `${kind.name}.conf`);
  await writeFile(file, kind.config(port, upstream, folder).replaceAll(/^ {4}/gm, ""));
  const program = new Program(path, kind.args(file, folder));
  const close = async (): Promise<void> => {
    await program.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await program.listens(port);
  } catch (error) {
    await close();
    throw error;
  }
  return { port, close };
}
