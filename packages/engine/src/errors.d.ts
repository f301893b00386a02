/**
 * Typed errors of the engine: one class per cause, each carrying the fields a caller needs to say what is wrong, where, and what to do about it.
 */
/** Common ancestor, so that a caller can tell the engine's refusals from defects. */
export declare abstract class EngineError extends Error {
  constructor(message: string, options?: ErrorOptions)
}
/** The bytes are not a complete ONNX model (truncated, not protobuf, no graph, contradictory header). */
export declare class MalformedModelError extends EngineError {
  readonly detail: string
  constructor(detail: string, options?: ErrorOptions)
}
/** The graph holds an operator that has no encrypted counterpart. */
export declare class UnsupportedOperatorError extends EngineError {
  readonly node: string
  readonly operator: string
  readonly remedy: string
  constructor(node: string, operator: string, remedy: string)
}
/** A supported operator with a setting that is not. */
export declare class UnsupportedAttributeError extends EngineError {
  readonly node: string
  readonly operator: string
  readonly attribute: string
  readonly value: string
  readonly remedy: string
  constructor(node: string, operator: string, attribute: string, value: string, remedy: string)
}
/** The way nodes are wired cannot be evaluated: several inputs or outputs, sums across activations, products of different values. */
export declare class UnsupportedTopologyError extends EngineError {
  readonly node: string
  readonly reason: string
  readonly remedy: string
  constructor(node: string, reason: string, remedy: string)
}
/** Shapes of a node's operands do not fit each other. */
export declare class ShapeMismatchError extends EngineError {
  readonly node: string
  readonly expected: string
  readonly actual: string
  constructor(node: string, expected: string, actual: string)
}
/** A weight is NaN or infinite. */
export declare class NonFiniteWeightError extends EngineError {
  readonly node: string
  readonly tensor: string
  readonly index: number
  constructor(node: string, tensor: string, index: number)
}
/** A tensor is kept in another file. */
export declare class ExternalInitializerError extends EngineError {
  readonly node: string
  readonly tensor: string
  readonly location: string
  constructor(node: string, tensor: string, location: string)
}
/** A node needs a constant tensor that the file does not hold. */
export declare class MissingInitializerError extends EngineError {
  readonly node: string
  readonly tensor: string
  constructor(node: string, tensor: string)
}
/** A tensor of the file contradicts its own header, or has a data type that is not a number the engine reads. */
export declare class MalformedTensorError extends EngineError {
  readonly node: string
  readonly tensor: string
  readonly detail: string
  constructor(node: string, tensor: string, detail: string)
}
/** A vector of the wrong length or with values that are not finite. */
export declare class InvalidInputError extends EngineError {
  readonly what: string
  readonly expected: string
  readonly actual: string
  constructor(what: string, expected: string, actual: string)
}
/** An architecture document that breaks its schema or contradicts itself. */
export declare class InvalidArchitectureError extends EngineError {
  readonly path: string
  readonly detail: string
  constructor(path: string, detail: string)
}
/** A plan document that breaks its schema or contradicts itself. */
export declare class InvalidPlanError extends EngineError {
  readonly path: string
  readonly detail: string
  constructor(path: string, detail: string)
}
/** No parameters within the security table evaluate this network to the wanted precision. */
export declare class InfeasiblePlanError extends EngineError {
  readonly model: string
  readonly reason: string
  readonly remedy: string
  constructor(model: string, reason: string, remedy: string)
}
/** The planner does not (yet) evaluate this kind of layer under encryption. */
export declare class UnsupportedLayerError extends EngineError {
  readonly layer: string
  readonly kind: string
  readonly remedy: string
  constructor(layer: string, kind: string, remedy: string)
}
/** Something handed to `run` is not what the plan says. */
export declare class PlanMismatchError extends EngineError {
  readonly what: string
  readonly expected: string
  readonly actual: string
  constructor(what: string, expected: string, actual: string)
}
/** The network is not the one the plan was made for. */
export declare class NetworkMismatchError extends EngineError {
  readonly layer: string
  readonly expected: string
  readonly actual: string
  constructor(layer: string, expected: string, actual: string)
}
/** No polynomial of an allowed degree is as close to the function as asked. */
export declare class UnreachableAccuracyError extends EngineError {
  readonly what: string
  readonly interval: readonly [number, number]
  readonly wanted: number
  readonly reached: number
  readonly maximumDegree: number
  constructor(what: string, interval: readonly [number, number], wanted: number, reached: number, maximumDegree: number)
}
/** No degree of fitted polynomials keeps the predictions as was asked for. */
export declare class UnreachableAgreementError extends EngineError {
  readonly model: string
  readonly wanted: number
  readonly reached: number
  readonly maximumDegree: number
  constructor(model: string, wanted: number, reached: number, maximumDegree: number)
}
/** A network still holds an activation that is no polynomial. */
export declare class UnapproximatedActivationError extends EngineError {
  readonly node: string
  readonly activation: string
  constructor(node: string, activation: string)
}
//# sourceMappingURL=errors.d.ts.map
