/** The directory behind static:///host:port,host:port: the addresses are the name, and nothing ever changes. */
import { type Address, formatAddress } from "../call/address.ts";
import type { Endpoint } from "../balancing/endpoint.ts";
import type { Directory } from "./directory.ts";
import { inOrder } from "./endpoint-view.ts";
import { sharedDirectory } from "./shared-directory.ts";
import { parseAddressList } from "./target.ts";

export function staticDirectory(): Directory {
  return sharedDirectory((name, publish) => {
    publish({ endpoints: inOrder(parseAddressList(name).map(plainEndpoint)), freshness: "live" });
    return { close: () => {} };
  });
}

/** An endpoint of which only the address is known; that is its id too. */
export function plainEndpoint(address: Address): Endpoint {
  return { id: formatAddress(address), address, weight: 1, metadata: {} };
}
