/**
 * Types that need not be asked for: google/protobuf/*.proto, and google/rpc/error_details.proto
 * (https://google.aip.dev/193), which failures carry from servers whose own contracts do not mention it.
 */
import {
  createFileRegistry,
  createRegistry,
  type DescFile,
  fromJson,
  type JsonObject,
  type Registry,
} from "@bufbuild/protobuf";
import * as wkt from "@bufbuild/protobuf/wkt";
import { nameFieldsInJson } from "./json-names.ts";

/** Field by field in the order of their numbers, which have no gaps: "repeated" or nothing, type, name. */
const ERROR_DETAILS: Readonly<Record<string, readonly string[]>> = {
  ErrorInfo: ["string reason", "string domain", "repeated MetadataEntry metadata"],
  "ErrorInfo.MetadataEntry": ["string key", "string value"],
  RetryInfo: [".google.protobuf.Duration retry_delay"],
  DebugInfo: ["repeated string stack_entries", "string detail"],
  QuotaFailure: ["repeated Violation violations"],
  "QuotaFailure.Violation": [
    "string subject",
    "string description",
    "string api_service",
    "string quota_metric",
    "string quota_id",
    "repeated QuotaDimensionsEntry quota_dimensions",
    "int64 quota_value",
    "int64 future_quota_value",
  ],
  "QuotaFailure.Violation.QuotaDimensionsEntry": ["string key", "string value"],
  PreconditionFailure: ["repeated Violation violations"],
  "PreconditionFailure.Violation": ["string type", "string subject", "string description"],
  BadRequest: ["repeated FieldViolation field_violations"],
  "BadRequest.FieldViolation": [
    "string field",
    "string description",
    "string reason",
    ".google.rpc.LocalizedMessage localized_message",
  ],
  RequestInfo: ["string request_id", "string serving_data"],
  ResourceInfo: ["string resource_type", "string resource_name", "string owner", "string description"],
  Help: ["repeated Link links"],
  "Help.Link": ["string description", "string url"],
  LocalizedMessage: ["string locale", "string message"],
};

const SCALARS: Readonly<Record<string, string>> = { string: "TYPE_STRING", int64: "TYPE_INT64" };

/** Read-only: what is written in it is always shown, so it may say that every field knows whether it is set (proto2). */
function errorDetails(): Registry {
  const file = fromJson(wkt.FileDescriptorProtoSchema, {
    name: "google/rpc/error_details.proto",
    package: "google.rpc",
    syntax: "proto2",
    dependency: [wkt.file_google_protobuf_duration.proto.name],
    messageType: messagesIn(""),
  });
  return createFileRegistry(nameFieldsInJson(file), () => wkt.file_google_protobuf_duration);
}

/** @param scope "" or the message they are nested in, with a dot behind it. */
function messagesIn(scope: string): JsonObject[] {
  return Object.entries(ERROR_DETAILS)
    .filter(([path]) => path.startsWith(scope) && !path.slice(scope.length).includes("."))
    .map(([path, fields]) => ({
      name: path.slice(scope.length),
      field: fields.map((field, at) => fieldOf(field, at + 1, path)),
      nestedType: messagesIn(`${path}.`),
      ...(path.endsWith("Entry") ? { options: { mapEntry: true } } : {}),
    }));
}

function fieldOf(text: string, number: number, message: string): JsonObject {
  const repeated = text.startsWith("repeated ");
  const [type = "", name = ""] = text.replace(/^repeated /, "").split(" ");
  const scalar = SCALARS[type];
  const typeName = type.startsWith(".") ? type : `.google.rpc.${message}.${type}`;
  return {
    name,
    number,
    label: repeated ? "LABEL_REPEATED" : "LABEL_OPTIONAL",
    ...(scalar === undefined ? { type: "TYPE_MESSAGE", typeName } : { type: scalar }),
  };
}

const wellKnown = Object.values(wkt).filter(
  (one): one is DescFile => typeof one === "object" && "kind" in one && one.kind === "file",
);

export const BUILTIN_TYPES: Registry = createRegistry(...wellKnown, errorDetails());
