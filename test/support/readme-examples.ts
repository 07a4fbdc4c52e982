/**
 * The examples of a Markdown page, as what a reader would do with them: files to write, commands to run, output to
 * expect. A comment above a block says what the block itself cannot: `<!-- example: background until "ready" -->` for a
 * command that goes on, `<!-- example: seen elsewhere, why -->` for one that another test runs.
 */
export type Example =
  | { readonly kind: "file"; readonly path: string; readonly text: string }
  | { readonly kind: "run"; readonly script: string; readonly expected: string | undefined }
  | { readonly kind: "background"; readonly script: string; readonly until: string };

const BLOCK = /(?:<!-- example: (?<note>[^\n]*?) -->\n)?```(?<language>\w+)\n(?<text>[\s\S]*?)```/g;
const FILE = /^(?:\/\/|#) (\S+\.\w+)\n/;
const UNTIL = /^background until "(.+)"$/;

export function examplesOf(page: string): readonly Example[] {
  const examples: Example[] = [];
  for (const { groups = {} } of page.matchAll(BLOCK)) {
    const { note, language = "", text = "" } = groups;
    const example = exampleOf(language, text, note, examples);
    if (example !== undefined) examples.push(example);
  }
  return examples;
}

function exampleOf(language: string, text: string, note: string | undefined, before: Example[]): Example | undefined {
  if (note !== undefined && !note.startsWith("background")) return undefined;
  switch (language) {
    case "proto":
    case "ts":
    case "js":
    case "hcl": {
      const path = FILE.exec(text)?.[1];
      if (path === undefined)
        throw new Error(`a ${language} example does not begin with "// its/path", or "# its/path": ${text}`);
      return { kind: "file", path, text };
    }
    case "sh": {
      const until = UNTIL.exec(note ?? "")?.[1];
      const script = text.trim();
      return until === undefined ? { kind: "run", script, expected: undefined } : { kind: "background", script, until };
    }
    case "text":
    case "json": {
      const last = before.pop();
      if (last?.kind !== "run") throw new Error(`output without a command before it: ${text}`);
      return { ...last, expected: text.trim() };
    }
    case "mermaid":
      return undefined;
    default:
      throw new Error(`an example in ${language}, which this reader does not know: ${text}`);
  }
}
