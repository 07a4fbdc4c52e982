/** Comments of the proto file, as text for a doc comment. */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { descPath } from "./problems.ts";

/** The lines above a service or method or, without any, those behind it. */
export function commentOf(desc: DescMethod | DescService): readonly string[] {
  const file = desc.kind === "service" ? desc.file : desc.parent.file;
  const path = descPath(desc);
  const location = file.proto.sourceCodeInfo?.location.find(
    (one) => one.path.length === path.length && one.path.every((number, index) => number === path[index]),
  );
  return toLines(location?.leadingComments || location?.trailingComments || "");
}

/** Proto comments open every line with a blank; what is indented further stays so. */
function toLines(text: string): readonly string[] {
  const lines = text.split(/\r\n|[\r\n\u2028\u2029]/).map((line) => line.replace(/^ /, "").trimEnd());
  while (lines.at(-1) === "") lines.pop();
  while (lines[0] === "") lines.shift();
  return lines;
}
