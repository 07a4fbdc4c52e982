/** protoc-gen-mesh as a process: a CodeGeneratorRequest on stdin, a CodeGeneratorResponse on stdout (plugin.proto). */
import { readFileSync, writeFileSync } from "node:fs";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { CodeGeneratorRequestSchema, CodeGeneratorResponseSchema } from "@bufbuild/protobuf/wkt";
import { generate } from "./generate.ts";

const STDIN = 0;
const STDOUT = 1;

const request = fromBinary(CodeGeneratorRequestSchema, readFileSync(STDIN));
writeFileSync(STDOUT, toBinary(CodeGeneratorResponseSchema, generate(request)));
