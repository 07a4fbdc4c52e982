/** What docs/coordination.md shows, as modules to run: the page is the only place where it is written. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { examplesOf } from "./readme-examples.ts";

export const PAGE = "docs/coordination.md";

export function exampleFile(path: string): string {
  const found = examplesOf(readFileSync(PAGE, "utf8")).find((one) => one.kind === "file" && one.path === path);
  assert.ok(found?.kind === "file", `${PAGE} has no ${path}`);
  return found.text;
}

/** The store that heeds fencing tokens. */
export interface FencedStore<T> {
  read(key: string): T | undefined;
  write(key: string, value: T, token: number): void;
}

export async function fencedStore(): Promise<new <T>() => FencedStore<T>> {
  const path = "services/hello/src/fenced-store.ts";
  const folder = mkdtempSync(join(tmpdir(), "fenced-store-"));
  const file = join(folder, basename(path));
  writeFileSync(file, exampleFile(path));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  const module = (await import(pathToFileURL(file).href)) as { readonly FencedStore: new <T>() => FencedStore<T> };
  rmSync(folder, { recursive: true });
  return module.FencedStore;
}
