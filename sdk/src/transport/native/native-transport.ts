/**
 * Meshwork's own transport: HTTP/2 and gRPC's wire in JavaScript over plain sockets, without the objects of node:http2.
 * It speaks to every gRPC peer; what it costs is measured by test/bench/transport.
 */
import type { Clock } from "../../call/clock.ts";
import type { Transport } from "../transport.ts";
import { NativeConnection } from "./native-connection.ts";
import { NativeEnvironment } from "./native-environment.ts";
import { listenNative } from "./native-listener.ts";
import type { NativeTransportOptions } from "./native-options.ts";

/** Makes no socket and no timer until it is asked to connect or to listen. */
export function nativeTransport(options: NativeTransportOptions = {}): Transport {
  const environments = new Map<Clock, NativeEnvironment>();
  const environmentOf = (clock: Clock): NativeEnvironment => {
    let environment = environments.get(clock);
    if (environment === undefined) {
      environment = new NativeEnvironment(options, clock);
      environments.set(clock, environment);
    }
    return environment;
  };
  return {
    name: "native",
    connect: (to, connect) => new NativeConnection(to, connect, environmentOf(connect.clock)),
    listen: (listen, dispatch) => listenNative(listen, dispatch, environmentOf(listen.clock)),
  };
}
