/** What tests of services on a mesh need; public, for users' tests too. */
export { seededRandom } from "../call/random.ts";
export { type InMemoryTransport, inMemoryTransport, type InMemoryTransportOptions } from "./in-memory-transport.ts";
export { VirtualClock } from "./virtual-clock.ts";
