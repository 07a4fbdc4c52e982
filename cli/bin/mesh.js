#!/usr/bin/env node
// What a shell starts. It only finds the built program, so that a checkout that was not built says so.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = new URL("../dist/main.js", import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  process.stderr.write(`mesh is not built (${fileURLToPath(main)} is missing): run "npm run build"\n`);
  process.exitCode = 1;
}
