/**
 * The native transport with an eye on what a client's channels do with it. A channel connects to exactly the endpoints
 * in its view and closes the connection of an endpoint that leaves it, so this sees a view change in the moment in which
 * calls begin to obey it, without asking anything that users cannot ask.
 */
import { nativeTransport } from "@meshwork/sdk";
import type { Connection, Transport } from "../../sdk/src/transport/transport.ts";

export interface ViewListener {
  /** An endpoint has come into the view. */
  appeared(port: number): void;
  /** An endpoint has left it, or its client was closed. */
  disappeared(port: number): void;
}

export function watchedTransport(listener: ViewListener): Transport {
  const native = nativeTransport();
  return {
    name: native.name,
    listen: (options, dispatch) => native.listen(options, dispatch),
    connect(to, options): Connection {
      const connection = native.connect(to, options);
      const close = connection.close.bind(connection);
      connection.close = () => {
        listener.disappeared(to.port);
        close();
      };
      listener.appeared(to.port);
      return connection;
    },
  };
}
