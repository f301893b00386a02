/**
 * Polynomials in residue number system form on a WebAssembly kernel: transforms, arithmetic, base extension, automorphisms, seeded sampling,
 * residues as bytes. Knows nothing of keys, scales or messages.
 *
 * @module
 */

export type { Domain } from './domain.js'
export * from './errors.js'
export { KERNEL_HASHES } from './generated/kernel-hashes.js'
export { Kernel } from './kernel/kernel.js'
export { touchMemory } from './kernel/touch.js'
export type { KernelVariant } from './kernel/variant.js'
export { type EmbeddingTables, embeddingTables } from './numbers/embedding-tables.js'
export { balance, MAXIMUM_MODULUS_BITS, Modulus, powerModulo } from './numbers/modulus.js'
export { findNttPrimes, isPrime } from './numbers/primes.js'
export { deriveSeed, randomSeed } from './numbers/seed.js'
export { encodeWords, packedLength, visitPacked } from './operations/codec.js'
export type { ComplexSlots } from './operations/embedding.js'
export type { KeySwitchFinish, PolynomialPair } from './operations/key-switch.js'
export type { CombinationRow } from './operations/linear-combination.js'
export { NO_TERM } from './operations/monomial-combination.js'
export type { ComponentPair, KeyDigit, SumOfProducts } from './operations/products.js'
export { Ring } from './ring.js'
export { type KernelOptions, loadKernel } from './start/load-kernel.js'
export { warmUp } from './start/warm-up.js'
export { Polynomial } from './structure/polynomial.js'
export { MAXIMUM_LOG_N, MINIMUM_LOG_N, RingStructure } from './structure/ring-structure.js'
export { PolynomialVault, type SharedPolynomial, VaultedPolynomial } from './vault.js'
