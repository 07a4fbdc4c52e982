/** Does what a page's examples say, one test each: writes its files, runs its commands, and sees what they print. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Example } from "./readme-examples.ts";

/** Generous: each command starts Node, and the machine may be busy with other tests. */
const COMMAND_MS = 60_000;

export interface Place {
  /** Where files are written and commands run. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** A command as it is run here: ports of the page may be somebody else's. */
  readonly adapt: (script: string) => string;
}

/** To be called in a `describe`. @param place is asked for when its tests run; what was started ends after them. */
export function followExamples(examples: readonly Example[], place: () => Place): void {
  const background: ChildProcess[] = [];

  after(async () => {
    for (const child of background.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exit = once(child, "exit");
      process.kill(-(child.pid as number), "SIGTERM");
      await exit;
    }
  });

  function start(script: string): ChildProcess {
    const { folder, env, adapt } = place();
    // A group of its own, so that npx and what it runs end together.
    return spawn("bash", ["-euc", adapt(script)], {
      cwd: folder,
      env: { ...process.env, ...env, NODE_OPTIONS: "" },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  for (const example of examples) {
    switch (example.kind) {
      case "file":
        it(`has the file ${example.path}`, () => {
          const file = join(place().folder, example.path);
          mkdirSync(dirname(file), { recursive: true });
          writeFileSync(file, example.text);
        });
        break;
      case "background":
        it(`starts: ${example.script}`, async function () {
          this.timeout(COMMAND_MS);
          const child = start(example.script);
          background.push(child);
          await output(child).until(example.until);
        });
        break;
      case "run":
        it(`runs: ${example.script}`, async function () {
          this.timeout(COMMAND_MS);
          const child = start(example.script);
          const printed = output(child);
          const [code] = (await once(child, "close")) as [number | null];
          assert.equal(code, 0, printed.text());
          const lines = printed
            .text()
            .split("\n")
            .filter((line) => !line.startsWith('{"level"') && !line.startsWith("npm warn"));
          if (example.expected !== undefined) assert.equal(lines.join("\n").trim(), example.expected);
        });
        break;
    }
  }
}

function output(child: ChildProcess): { text(): string; until(word: string): Promise<void> } {
  let text = "";
  const waiting = new Set<() => void>();
  const add = (chunk: Buffer): void => {
    text += chunk.toString();
    for (const wake of waiting) wake();
  };
  child.stdout?.on("data", add);
  child.stderr?.on("data", add);
  return {
    text: () => text,
    until: (word) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (text.includes(word)) resolve();
        };
        waiting.add(look);
        child.once("exit", () => reject(new Error(`ended before it said ${JSON.stringify(word)}:\n${text}`)));
        look();
      }),
  };
}
