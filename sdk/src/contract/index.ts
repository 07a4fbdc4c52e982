/** The face of contracts, for generated code and for code generators. Loads neither gRPC nor logging. */
export type { CallKind, MethodInfo } from "../call/method-info.ts";
export { policyProblems, type PolicyProblem } from "./check-policy.ts";
export * from "./definition.ts";
export { packDescriptorSet, unpackDescriptorSet } from "./descriptor-set.ts";
export { mergePolicy, type PolicyLayers } from "./merge-policy.ts";
export * from "./message-codec.ts";
export { type FieldShape, messageShape, type MessageShape, type MessageStyle } from "./message-shape.ts";
export { meshName, methodKey } from "./names.ts";
export * from "./policy.ts";
export { type Checked, type ContractProblem, describeProblem } from "./problem.ts";
export { METHOD_POLICY, type PolicySource, readPolicy, SERVICE_POLICY, type ServiceOption } from "./read-policy.ts";
