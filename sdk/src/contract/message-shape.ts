/** As much of a message type as a policy needs to check the fields it names. */

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
