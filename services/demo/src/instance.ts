/**
 * Entry of the demo's processes: runs the service named on the command line, tells the demo when it serves, and leaves
 * with the demo: a demo that is killed can no longer end anything, but its end of the channel closes.
 */
import { pathToFileURL } from "node:url";

/** What is not gone by then is ended. */
const LEAVE_WITHIN_MS = 5_000;

let serving = false;
let leaving = false;
process.once("SIGTERM", () => {
  leaving = true;
  // Once it serves, the mesh listens too, and leaves in order.
  if (!serving) process.exit(1);
});
process.once("disconnect", () => {
  setTimeout(() => process.kill(process.pid, "SIGKILL"), LEAVE_WITHIN_MS).unref();
  if (!leaving) process.kill(process.pid, "SIGTERM");
});
// Listening to the channel must not keep a process alive that has left the mesh.
process.channel?.unref();

const [, , main = ""] = process.argv;
await import(pathToFileURL(main).href);
serving = true;
process.send?.("serving");
