/** As much of a message type as a policy needs to check the fields it names. */
import type { DescField, DescMessage } from "@bufbuild/protobuf";

export interface FieldShape {
  /** The property that holds it in JavaScript: "userId" for user_id. */
  readonly key: string;
  /** Only a scalar, a singular field outside every oneof, can be hashed. */
  readonly kind: "scalar" | "message" | "repeated" | "oneof";
  /** Of a message field: its type. */
  readonly message?: () => MessageShape;
}

export interface MessageShape {
  readonly typeName: string;
  /** By the name in the proto file. */
  readonly fields: ReadonlyMap<string, FieldShape>;
}

/** How the messages of a codec look in JavaScript. */
export interface MessageStyle {
  /** The property of a field. */
  keyOf(field: string): string;
  /** What google.protobuf.StringValue and its like are: plain optional values, or messages with a `value`. */
  readonly wrappers: "values" | "messages";
}

const WRAPPER = /^google\.protobuf\.(?:Double|Float|U?Int64|U?Int32|Bool|String|Bytes)Value$/;

export function messageShape(message: DescMessage, style: MessageStyle): MessageShape {
  const fields = new Map(message.fields.map((field) => [field.name, fieldShape(field, style)]));
  return { typeName: message.typeName, fields };
}

function fieldShape(field: DescField, style: MessageStyle): FieldShape {
  const key = style.keyOf(field.name);
  if (field.fieldKind === "list" || field.fieldKind === "map") return { key, kind: "repeated" };
  if (field.oneof !== undefined) return { key, kind: "oneof" };
  const { message } = field;
  if (message === undefined) return { key, kind: "scalar" };
  if (WRAPPER.test(message.typeName)) {
    return { key: style.wrappers === "values" ? key : `${key}.value`, kind: "scalar" };
  }
  return { key, kind: "message", message: () => messageShape(message, style) };
}
