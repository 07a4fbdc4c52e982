/**
 * The names of fields in JSON. Descriptors may leave them out: C++ and Python servers reflect them that way, because
 * protoc makes them from the fields' names (https://protobuf.dev/programming-guides/json).
 */
import type { DescriptorProto, FieldDescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";

/** Fills in what is missing. */
export function nameFieldsInJson(file: FileDescriptorProto): FileDescriptorProto {
  file.extension.forEach(nameField);
  file.messageType.forEach(nameFields);
  return file;
}

function nameFields(message: DescriptorProto): void {
  message.field.forEach(nameField);
  message.extension.forEach(nameField);
  message.nestedType.forEach(nameFields);
}

function nameField(field: FieldDescriptorProto): void {
  if (field.jsonName === "") field.jsonName = jsonName(field.name);
}

/** As protoc does it: each letter behind underscores becomes a capital, and the underscores go. */
export function jsonName(name: string): string {
  return name.replace(/_+(.?)/g, (_, next: string) => next.toUpperCase());
}
