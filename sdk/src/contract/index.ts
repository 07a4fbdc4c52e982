/** The face of contracts, for generated code and for code generators. */
export * from "./definition.ts";
export * from "./message-codec.ts";
export * from "./policy.ts";
