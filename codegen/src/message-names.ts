/**
 * The names that ts-proto gives to messages, fields and modules, with the options of our templates: what we import
 * must be what it exports.
 */
import type { DescFile, DescMessage } from "@bufbuild/protobuf";
import type { PluginOptions } from "./options.ts";

/** Names that ts-proto refuses to shadow. */
const SHADOWING = new Set(["Date", "Function"]);

/** The export of a message: "Outer_Inner" for Inner inside Outer. */
export function messageExport(message: DescMessage): string {
  const segments: string[] = [];
  for (let one: DescMessage | undefined = message; one !== undefined; one = one.parent) {
    segments.unshift(fieldKey(one.name));
  }
  const name = segments.join("_");
  return SHADOWING.has(name) ? `${name}Message` : name;
}

/** The property of a field: "userId" for user_id. Names without underscore are left alone. */
export function fieldKey(name: string): string {
  if (!name.includes("_")) return name;
  const mixed = /[a-z]/.test(name);
  return name
    .split("_")
    .map((word) => (mixed ? word : word.toLowerCase()))
    .map((word, index) => (index === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
    .join("");
}

/** The module of a file's messages, relative to the output's root or, from another package, by its name. */
export function messageModule(file: DescFile, options: PluginOptions): { path: string } | { package: string } {
  const elsewhere = options.modules.get(file.proto.name);
  if (elsewhere !== undefined) return { package: elsewhere };
  return { path: `${file.proto.name.replace(".proto", "")}${options.importSuffix}` };
}

/** The file of our own beside it. */
export function meshFileName(file: DescFile): string {
  return `${file.proto.name.replace(/\.proto$/, "")}.mesh.ts`;
}
