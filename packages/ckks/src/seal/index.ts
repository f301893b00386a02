/**
 * `@slytherin/ckks/seal`: stock Microsoft SEAL, through the optional dependency node-seal, as a second evaluator and as a reference, and its bytes. For Node.
 *
 * @module
 */
export * from './frame.js'
export { type SealModule, SealRuntime } from './runtime.js'
export { SealCodec, type UntrackedState } from './seal-codec.js'
export { SealEvaluator, type SealEvaluatorOptions } from './seal-evaluator.js'
export { SealParameters } from './seal-parameters.js'
