/** What a user may set in buf.gen.yaml's `opt`, separated by commas as every protoc plugin's options are. */

export interface PluginOptions {
  /** What imports of generated files end with. */
  readonly importSuffix: "" | ".js" | ".ts";
  /** Messages that live elsewhere, by proto file: `Mgoogle/type/money.proto=@acme/money`, as ts-proto has it. */
  readonly modules: ReadonlyMap<string, string>;
}

const SUFFIXES = [".ts", ".js", ""] as const;

const KNOWN = [
  "importSuffix=.ts (default), importSuffix=.js or importSuffix=: what imports of generated files end with",
  "M<file.proto>=<module>: the messages of that file are imported from that module",
];

/** Reads the parameter of the request. */
export function parseOptions(parameter: string): PluginOptions {
  const modules = new Map<string, string>();
  let importSuffix: PluginOptions["importSuffix"] = ".ts";
  for (const option of parameter.split(",").map((one) => one.trim())) {
    if (option === "") continue;
    const equals = option.indexOf("=");
    const [name, value] = equals < 0 ? [option, ""] : [option.slice(0, equals), option.slice(equals + 1)];
    const suffix = SUFFIXES.find((one) => one === value);
    if (name === "importSuffix" && equals > 0 && suffix !== undefined) {
      importSuffix = suffix;
    } else if (/^M.+\.proto$/.test(name) && value !== "") {
      modules.set(name.slice(1), value);
    } else {
      throw new OptionError(
        `option "${option}" is not known to protoc-gen-mesh, which knows:\n  ${KNOWN.join("\n  ")}`,
      );
    }
  }
  return { importSuffix, modules };
}

/** The user's mistake, to be shown without a stack. */
export class OptionError extends Error {}
