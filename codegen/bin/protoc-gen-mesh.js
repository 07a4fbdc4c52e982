#!/usr/bin/env node
// What buf and protoc start. It only finds the built plugin, so that a checkout that was not built says so.
import { existsSync } from "node:fs";

const main = new URL("../dist/main.js", import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  process.stderr.write(`protoc-gen-mesh is not built (${main.pathname} is missing): run "npm run build"\n`);
  process.exitCode = 1;
}
