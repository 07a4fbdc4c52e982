/**
 * The file of a snapshot: read whole or not at all, replaced in one step, so that neither a crash nor another process that
 * writes at the same time leaves half of one.
 */
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Far above 10,000 instances; a larger file is none of ours, and reading it would cost memory for nothing. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Left by a process that was killed while it wrote. */
const ABANDONED_AFTER_MS = 3_600_000;

/** The file's text; undefined when there is no such file. Rejects when it cannot be read, or is no file of ours by its size. */
export async function readSnapshotFile(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) throw new Error(`it has ${size} bytes, more than ${MAX_BYTES}`);
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Makes the folder where it is missing. For this user alone: metadata of instances can be confidential. */
export async function writeSnapshotFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await unlink(draft).catch(() => {});
    throw error;
  }
}

/** Removes what killed writers of this file have left. Nothing is lost when it fails. */
export async function removeDrafts(path: string, nowMs: number): Promise<void> {
  const folder = dirname(path);
  const names = await readdir(folder).catch(() => []);
  const drafts = names.filter((name) => name.startsWith(`${basename(path)}.`) && name.endsWith(".tmp"));
  for (const name of drafts) {
    const draft = join(folder, name);
    const written = await stat(draft).catch(() => undefined);
    if (written !== undefined && nowMs - written.mtimeMs > ABANDONED_AFTER_MS) await unlink(draft).catch(() => {});
  }
}
