/** The agent in a process of its own: says where it is, then what it uses whenever it is asked. */
import { startAgent } from "@meshwork/agent";
import { usage } from "./usage.ts";

const agent = await startAgent();
process.on("message", () => process.send?.(usage()));
process.on("disconnect", () => void agent.close());
process.send?.(agent.url);
