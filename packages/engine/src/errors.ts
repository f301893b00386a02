/**
 * Typed errors of the engine: one class per cause, each carrying the fields a caller needs to say what is wrong, where, and what to do about it.
 */

/** Common ancestor, so that a caller can tell the engine's refusals from defects. */
export abstract class EngineError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** The bytes are not a complete ONNX model (truncated, not protobuf, no graph, contradictory header). */
export class MalformedModelError extends EngineError {
  constructor(
    readonly detail: string,
    options?: ErrorOptions
  ) {
    super(`not a readable ONNX model: ${detail}; copy or export the model again`, options)
  }
}

/** The graph holds an operator that has no encrypted counterpart. */
export class UnsupportedOperatorError extends EngineError {
  constructor(
    readonly node: string,
    readonly operator: string,
    readonly remedy: string
  ) {
    super(`node '${node}': operator ${operator} is not supported; ${remedy}`)
  }
}

/** A supported operator with a setting that is not. */
export class UnsupportedAttributeError extends EngineError {
  constructor(
    readonly node: string,
    readonly operator: string,
    readonly attribute: string,
    readonly value: string,
    readonly remedy: string
  ) {
    super(`node '${node}': ${operator} with ${attribute} = ${value} is not supported; ${remedy}`)
  }
}

/** The way nodes are wired cannot be evaluated: several inputs or outputs, sums across activations, products of different values. */
export class UnsupportedTopologyError extends EngineError {
  constructor(
    readonly node: string,
    readonly reason: string,
    readonly remedy: string
  ) {
    super(`node '${node}': ${reason}; ${remedy}`)
  }
}

/** Shapes of a node's operands do not fit each other. */
export class ShapeMismatchError extends EngineError {
  constructor(
    readonly node: string,
    readonly expected: string,
    readonly actual: string
  ) {
    super(`node '${node}': expected ${expected}, got ${actual}; correct the shapes and export the model again`)
  }
}

/** A weight is NaN or infinite. */
export class NonFiniteWeightError extends EngineError {
  constructor(
    readonly node: string,
    readonly tensor: string,
    readonly index: number
  ) {
    super(`node '${node}': tensor '${tensor}' is not finite at element ${index}; repair or retrain the model`)
  }
}

/** A tensor is kept in another file, which is missing, elsewhere, or too short. */
export class ExternalInitializerError extends EngineError {
  constructor(
    readonly node: string,
    readonly tensor: string,
    readonly location: string,
    readonly problem: string
  ) {
    super(
      `node '${node}': tensor '${tensor}' lives in external file '${location}', ${problem}; keep that file beside the model as it was exported, or save the model ` +
        'with its weights inside (onnx.save without save_as_external_data)'
    )
  }
}

/** A node needs a constant tensor that the file does not hold. */
export class MissingInitializerError extends EngineError {
  constructor(
    readonly node: string,
    readonly tensor: string
  ) {
    super(`node '${node}': tensor '${tensor}' must be a constant of the model and is missing; export with constant weights folded in`)
  }
}

/** A tensor of the file contradicts its own header, or has a data type that is not a number the engine reads. */
export class MalformedTensorError extends EngineError {
  constructor(
    readonly node: string,
    readonly tensor: string,
    readonly detail: string
  ) {
    super(`node '${node}': tensor '${tensor}': ${detail}`)
  }
}

/** A vector of the wrong length or with values that are not finite. */
export class InvalidInputError extends EngineError {
  constructor(
    readonly what: string,
    readonly expected: string,
    readonly actual: string
  ) {
    super(`${what}: expected ${expected}, got ${actual}`)
  }
}

/** An architecture document that breaks its schema or contradicts itself. */
export class InvalidArchitectureError extends EngineError {
  constructor(
    readonly path: string,
    readonly detail: string
  ) {
    super(`architecture: ${path}: ${detail}`)
  }
}

/** A plan document that breaks its schema or contradicts itself. */
export class InvalidPlanError extends EngineError {
  constructor(
    readonly path: string,
    readonly detail: string
  ) {
    super(`plan: ${path}: ${detail}`)
  }
}

/** No parameters within the security table evaluate this network to the wanted precision. */
export class InfeasiblePlanError extends EngineError {
  constructor(
    readonly model: string,
    /** what blocks, and what it needs against what there is */
    readonly reason: string,
    /** what was tried and would help */
    readonly remedy: string,
    /** name of the layer that blocks; absent where no single one does */
    readonly layer?: string
  ) {
    super(`no plan for '${model}': ${reason}; ${remedy}`)
  }
}

/** What of a key epoch a model asks more of than there is: as what blocks a plan, or its whole ring. */
export type EpochShortage = 'levels' | 'scale' | 'flooding' | 'refreshes' | 'memory' | 'precision' | 'ring'

/** Ring, chain and flooding that a plan of its own has. */
export interface FreshParameters {
  readonly logN: number
  readonly primes: number
  readonly primeBits: number
  readonly floodingBits: number
}

/** A model cannot be planned into a key epoch: it takes another one. */
export class EpochPlanError extends EngineError {
  constructor(
    readonly model: string,
    readonly shortage: EpochShortage,
    /** what blocks, and what it needs against what the epoch has */
    readonly reason: string,
    /** what a plan of its own takes; undefined where there is none either */
    readonly fresh: FreshParameters | undefined,
    readonly remedy: string,
    /** name of the layer that blocks; absent where no single one does */
    readonly layer?: string
  ) {
    super(`no plan for '${model}' in this key epoch: ${reason}; ${remedy}`)
  }
}

/** Each of these models has a plan, but not all of them on one chain. */
export class InfeasibleEpochError extends EngineError {
  constructor(
    readonly models: readonly string[],
    /** which model is blocked on the chain that most of them can be planned on, and by what */
    readonly reason: string
  ) {
    super(
      `no key epoch serves all of ${models.map(model => `'${model}'`).join(', ')}: ${reason}; make an epoch for some of them and another for the rest, or ask for less precision or flooding`
    )
  }
}

/** The planner does not (yet) evaluate this kind of layer under encryption. */
export class UnsupportedLayerError extends EngineError {
  constructor(
    readonly layer: string,
    readonly kind: string,
    readonly remedy: string
  ) {
    super(`layer '${layer}': ${kind} cannot be evaluated under encryption; ${remedy}`)
  }
}

/** Something handed to `run` is not what the plan says. */
export class PlanMismatchError extends EngineError {
  constructor(
    readonly what: string,
    readonly expected: string,
    readonly actual: string
  ) {
    super(`${what}: the plan expects ${expected}, got ${actual}`)
  }
}

/** The network is not the one the plan was made for. */
export class NetworkMismatchError extends EngineError {
  constructor(
    readonly layer: string,
    readonly expected: string,
    readonly actual: string
  ) {
    super(`layer '${layer}': the plan expects ${expected}, the network has ${actual}`)
  }
}

/** No polynomial of an allowed degree is as close to the function as asked. */
export class UnreachableAccuracyError extends EngineError {
  constructor(
    readonly what: string,
    readonly interval: readonly [number, number],
    readonly wanted: number,
    readonly reached: number,
    readonly maximumDegree: number
  ) {
    super(
      `${what} on [${interval.map(end => end.toPrecision(4)).join(', ')}]: degree ${maximumDegree} reaches an error of ${reached.toPrecision(3)}, ` +
        `not ${wanted.toPrecision(3)}; ask for less accuracy, allow a higher degree or narrow the interval`
    )
  }
}

/** What is kept of the answers, in words. */
export const describeAgreement = (
  value: number,
  measure: 'share of classes' | 'share of labels' | 'R²' | 'least of the outputs'
): string =>
  measure === 'R²' || measure === 'least of the outputs'
    ? `${measure === 'R²' ? 'an R²' : 'an agreement of the worst output'} of ${value.toFixed(4)}`
    : `${(100 * value).toFixed(2)} % of the predictions`

/** No degree of fitted polynomials keeps the answers as was asked for. */
export class UnreachableAgreementError extends EngineError {
  constructor(
    readonly model: string,
    readonly wanted: number,
    readonly reached: number,
    readonly maximumDegree: number,
    /** what of the answers is to be kept */
    readonly measure: 'share of classes' | 'share of labels' | 'R²' | 'least of the outputs' = 'share of classes'
  ) {
    super(
      `activations of '${model}': polynomials up to degree ${maximumDegree} keep ${describeAgreement(reached, measure)} on held-out samples, ` +
        `not ${describeAgreement(wanted, measure)}; ask for less agreement, allow a higher degree or calibrate on more samples`
    )
  }
}

/** Degrees keep the answers, others can be planned, and none does both. */
export class UnplannableAgreementError extends EngineError {
  constructor(
    readonly model: string,
    /** told as what of the answers is kept, as all agreements here */
    readonly wanted: string,
    /** smallest degree that keeps the answers */
    readonly degree: number,
    /** why it has no plan */
    readonly obstacle: string,
    readonly plannableDegree: number,
    /** what that one keeps */
    readonly reached: string
  ) {
    super(
      `activations of '${model}': polynomials of degree ${degree}, the smallest that keep ${wanted}, have no plan (${obstacle}); degree ${plannableDegree} has one and keeps ` +
        `${reached} on held-out samples: ask for that agreement or that degree, or train with activations that are squares`
    )
  }
}

/** A network still holds an activation that is no polynomial. */
export class UnapproximatedActivationError extends EngineError {
  constructor(
    readonly node: string,
    readonly activation: string
  ) {
    super(
      `node '${node}': ${activation} cannot be evaluated under encryption as it is; approximate it first (approximateActivations), ` +
        'or replace it by a polynomial activation (x² or c₂x² + c₁x + c₀) and fine-tune the network'
    )
  }
}
