/**
 * The CKKS scheme: parameter sets and their security, encoder, keys, encryption, noise tracking, and evaluators behind one interface. Knows nothing of networks or parties.
 *
 * @module
 */

export { Ciphertext, type CiphertextMetadata, type CiphertextState } from './ciphertext.js'
export { Context, type ContextOptions } from './context.js'
export { Decryptor } from './decryptor.js'
export type { EncodedIntegers, EncodeOptions, SlotValues } from './encoder.js'
export { Encryptor, type ProvableEncryption } from './encryptor.js'
export * from './errors.js'
export { EvaluationRules, metadataOf, type PlaintextMetadata } from './evaluation-rules.js'
export {
  type EvaluationKeys,
  type Evaluator,
  type EvaluatorCiphertext,
  type EvaluatorPair,
  type EvaluatorPlaintext,
  isCiphertext,
  isCombiner,
  isProductSummer,
  type LinearCombination,
  type LinearCombiner,
  type PlaintextStorage,
  type ProductSum,
  type ProductSummer,
  storesPlaintexts
} from './evaluator.js'
export {
  type Flooding,
  floodedBits,
  floodingDistanceBits,
  floodingFactor,
  floodingGrowth,
  floodingNoise,
  minimumNoise,
  noiseAfterFlooding,
  securityBitsFor,
  slotNoise
} from './flooding.js'
export { CanonicalEmbedding, type ComplexVector } from './fourier.js'
export { checkGaloisElement, conjugationElement, galoisElementOf } from './galois.js'
export { Diagonals, type DiagonalsOptions, type DiagonalTerm } from './kernel/diagonals.js'
export type { SharedEvaluationKeys } from './kernel/evaluation-keys.js'
export { KernelEvaluator, type KernelEvaluatorOptions } from './kernel/kernel-evaluator.js'
export { evaluateDiagonals } from './kernel/linear-evaluation.js'
export { LinearTransform, type LinearTransformOptions } from './kernel/linear-transform.js'
export { KeyGenerator, type KeySwitchOptions } from './key-generator.js'
export { type KeySwitchDigit, KeySwitchKey, PublicKey, SecretKey } from './keys.js'
export {
  leastMaskBits,
  MASK_STATISTICAL_BITS,
  maskBits,
  maskedModulusBits,
  minimumRefreshLevel,
  minimumWholeKeyRefreshLevel,
  refreshErrorNoise,
  refreshNoise,
  wholeKeyModulusBits
} from './masks.js'
export type { CountedOperation } from './metadata-evaluator.js'
export { combineNoise, type KeySwitchNoise, NoiseModel, type NoisyMessage, SOURCE_MARGIN_BITS } from './noise.js'
export {
  MAXIMUM_PRIME_BITS,
  Parameters,
  type ParametersInit,
  type ParametersJson,
  type ParametersRequest,
  polynomialBytes
} from './parameters.js'
export { Plaintext } from './plaintext.js'
export { type BasisPolynomial, degreeOf, evaluateClear, type PolynomialBasis } from './polynomial-basis.js'
export {
  evaluatePolynomial,
  type PolynomialOptions,
  type PolynomialTrace,
  polynomialDepth,
  tracePolynomial
} from './polynomial-evaluation.js'
export { evaluatePolynomialOfPairs, type PairPolynomialOptions, tracePolynomialOfPairs } from './polynomial-pairs.js'
export {
  ENCRYPTION_ERROR_BOUND,
  encryptionIndices,
  PROVABLE_FACTOR,
  sampleEncryptionError,
  sampleEphemeral,
  secondComponent
} from './provable-encryption.js'
export { ERROR_SIGMA, maximumLogQP, SECURITY_TABLE } from './security.js'
export { CIPHERTEXT_SEED_BYTES, expandCiphertext, isKeyPair, SecretKeyEncryptor, type SeededCiphertext } from './seeded-encryption.js'
export {
  deserializeCiphertext,
  deserializeKeySwitchKey,
  deserializePublicKey,
  deserializeSeeded,
  type ExpectedCiphertext,
  serializeCiphertext,
  serializedCiphertextLength,
  serializedKeySwitchKeyLength,
  serializedPublicKeyLength,
  serializedSeededLength,
  serializeKeySwitchKey,
  serializePublicKey,
  serializeSeeded
} from './serialization.js'
export { SimulatedCiphertext, SimulatorEvaluator, type SimulatorOptions } from './simulator/simulator-evaluator.js'
export { doubledSlots, PAIR_SQUARE_SCALE, pairSlots, squarePairs, squarePairsState, unpairSlots } from './slot-pairs.js'
