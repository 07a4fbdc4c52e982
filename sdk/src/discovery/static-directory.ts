/** The directories behind static:///host:port,host:port and unix:///path: the name is what there is, and nothing ever changes. */
import { type Address, formatAddress } from "../call/address.ts";
import type { Endpoint } from "../balancing/endpoint.ts";
import type { Directory } from "./directory.ts";
import { inOrder } from "./endpoint-view.ts";
import { sharedDirectory } from "./shared-directory.ts";
import { parseAddressList, unixAddress } from "./target.ts";

export function staticDirectory(): Directory {
  return unchanging(parseAddressList);
}

export function unixDirectory(): Directory {
  return unchanging((name) => [unixAddress(name)]);
}

function unchanging(read: (name: string) => readonly Address[]): Directory {
  return sharedDirectory((name, publish) => {
    publish({ endpoints: inOrder(read(name).map(plainEndpoint)), freshness: "live" });
    return { close: () => {} };
  });
}

/** An endpoint of which only the address is known; that is its id too. */
export function plainEndpoint(address: Address): Endpoint {
  return { id: formatAddress(address), address, weight: 1, metadata: {} };
}
