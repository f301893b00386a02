/**
 * Typed errors of the engine: one class per cause, each carrying the fields a caller needs to say what is wrong, where, and what to do about it.
 */
/** Common ancestor, so that a caller can tell the engine's refusals from defects. */
export class EngineError extends Error {
  constructor(message, options) {
    super(message, options)
    this.name = new.target.name
  }
}
/** The bytes are not a complete ONNX model (truncated, not protobuf, no graph, contradictory header). */
export class MalformedModelError extends EngineError {
  detail
  constructor(detail, options) {
    super(`not a readable ONNX model: ${detail}; copy or export the model again`, options)
    this.detail = detail
  }
}
/** The graph holds an operator that has no encrypted counterpart. */
export class UnsupportedOperatorError extends EngineError {
  node
  operator
  remedy
  constructor(node, operator, remedy) {
    super(`node '${node}': operator ${operator} is not supported; ${remedy}`)
    this.node = node
    this.operator = operator
    this.remedy = remedy
  }
}
/** A supported operator with a setting that is not. */
export class UnsupportedAttributeError extends EngineError {
  node
  operator
  attribute
  value
  remedy
  constructor(node, operator, attribute, value, remedy) {
    super(`node '${node}': ${operator} with ${attribute} = ${value} is not supported; ${remedy}`)
    this.node = node
    this.operator = operator
    this.attribute = attribute
    this.value = value
    this.remedy = remedy
  }
}
/** The way nodes are wired cannot be evaluated: several inputs or outputs, sums across activations, products of different values. */
export class UnsupportedTopologyError extends EngineError {
  node
  reason
  remedy
  constructor(node, reason, remedy) {
    super(`node '${node}': ${reason}; ${remedy}`)
    this.node = node
    this.reason = reason
    this.remedy = remedy
  }
}
/** Shapes of a node's operands do not fit each other. */
export class ShapeMismatchError extends EngineError {
  node
  expected
  actual
  constructor(node, expected, actual) {
    super(`node '${node}': expected ${expected}, got ${actual}; correct the shapes and export the model again`)
    this.node = node
    this.expected = expected
    this.actual = actual
  }
}
/** A weight is NaN or infinite. */
export class NonFiniteWeightError extends EngineError {
  node
  tensor
  index
  constructor(node, tensor, index) {
    super(`node '${node}': tensor '${tensor}' is not finite at element ${index}; repair or retrain the model`)
    this.node = node
    this.tensor = tensor
    this.index = index
  }
}
/** A tensor is kept in another file. */
export class ExternalInitializerError extends EngineError {
  node
  tensor
  location
  constructor(node, tensor, location) {
    super(
      `node '${node}': tensor '${tensor}' lives in external file '${location}'; save the model with its weights inside (onnx.save without save_as_external_data)`
    )
    this.node = node
    this.tensor = tensor
    this.location = location
  }
}
/** A node needs a constant tensor that the file does not hold. */
export class MissingInitializerError extends EngineError {
  node
  tensor
  constructor(node, tensor) {
    super(`node '${node}': tensor '${tensor}' must be a constant of the model and is missing; export with constant weights folded in`)
    this.node = node
    this.tensor = tensor
  }
}
/** A tensor of the file contradicts its own header, or has a data type that is not a number the engine reads. */
export class MalformedTensorError extends EngineError {
  node
  tensor
  detail
  constructor(node, tensor, detail) {
    super(`node '${node}': tensor '${tensor}': ${detail}`)
    this.node = node
    this.tensor = tensor
    this.detail = detail
  }
}
/** A vector of the wrong length or with values that are not finite. */
export class InvalidInputError extends EngineError {
  what
  expected
  actual
  constructor(what, expected, actual) {
    super(`${what}: expected ${expected}, got ${actual}`)
    this.what = what
    this.expected = expected
    this.actual = actual
  }
}
/** An architecture document that breaks its schema or contradicts itself. */
export class InvalidArchitectureError extends EngineError {
  path
  detail
  constructor(path, detail) {
    super(`architecture: ${path}: ${detail}`)
    this.path = path
    this.detail = detail
  }
}
/** A plan document that breaks its schema or contradicts itself. */
export class InvalidPlanError extends EngineError {
  path
  detail
  constructor(path, detail) {
    super(`plan: ${path}: ${detail}`)
    this.path = path
    this.detail = detail
  }
}
/** No parameters within the security table evaluate this network to the wanted precision. */
export class InfeasiblePlanError extends EngineError {
  model
  reason
  remedy
  constructor(model, reason, remedy) {
    super(`no plan for '${model}': ${reason}; ${remedy}`)
    this.model = model
    this.reason = reason
    this.remedy = remedy
  }
}
/** The planner does not (yet) evaluate this kind of layer under encryption. */
export class UnsupportedLayerError extends EngineError {
  layer
  kind
  remedy
  constructor(layer, kind, remedy) {
    super(`layer '${layer}': ${kind} cannot be evaluated under encryption; ${remedy}`)
    this.layer = layer
    this.kind = kind
    this.remedy = remedy
  }
}
/** Something handed to `run` is not what the plan says. */
export class PlanMismatchError extends EngineError {
  what
  expected
  actual
  constructor(what, expected, actual) {
    super(`${what}: the plan expects ${expected}, got ${actual}`)
    this.what = what
    this.expected = expected
    this.actual = actual
  }
}
/** The network is not the one the plan was made for. */
export class NetworkMismatchError extends EngineError {
  layer
  expected
  actual
  constructor(layer, expected, actual) {
    super(`layer '${layer}': the plan expects ${expected}, the network has ${actual}`)
    this.layer = layer
    this.expected = expected
    this.actual = actual
  }
}
/** No polynomial of an allowed degree is as close to the function as asked. */
export class UnreachableAccuracyError extends EngineError {
  what
  interval
  wanted
  reached
  maximumDegree
  constructor(what, interval, wanted, reached, maximumDegree) {
    super(
      `${what} on [${interval.map(end => end.toPrecision(4)).join(', ')}]: degree ${maximumDegree} reaches an error of ${reached.toPrecision(3)}, ` +
        `not ${wanted.toPrecision(3)}; ask for less accuracy, allow a higher degree or narrow the interval`
    )
    this.what = what
    this.interval = interval
    this.wanted = wanted
    this.reached = reached
    this.maximumDegree = maximumDegree
  }
}
/** No degree of fitted polynomials keeps the predictions as was asked for. */
export class UnreachableAgreementError extends EngineError {
  model
  wanted
  reached
  maximumDegree
  constructor(model, wanted, reached, maximumDegree) {
    super(
      `activations of '${model}': polynomials up to degree ${maximumDegree} keep ${(100 * reached).toFixed(2)} % of the predictions on held-out samples, ` +
        `not ${(100 * wanted).toFixed(2)} %; ask for less agreement, allow a higher degree or calibrate on more samples`
    )
    this.model = model
    this.wanted = wanted
    this.reached = reached
    this.maximumDegree = maximumDegree
  }
}
/** A network still holds an activation that is no polynomial. */
export class UnapproximatedActivationError extends EngineError {
  node
  activation
  constructor(node, activation) {
    super(
      `node '${node}': ${activation} cannot be evaluated under encryption as it is; approximate it first (approximateActivations), ` +
        'or replace it by a polynomial activation (x² or c₂x² + c₁x + c₀) and fine-tune the network'
    )
    this.node = node
    this.activation = activation
  }
}
//# sourceMappingURL=errors.js.map
