/**
 * Polynomials in residue number system form on a WebAssembly kernel: transforms, arithmetic, base extension, automorphisms, seeded sampling,
 * residues as bytes. Knows nothing of keys, scales or messages.
 */

export * from './errors.js'
export { Kernel, type KernelOptions, type KernelVariant, loadKernel } from './kernel.js'
export type { KeySwitchFinish, PolynomialPair } from './key-switch.js'
export type { CombinationRow } from './linear-combination.js'
export { balance, invertModulo, MAXIMUM_MODULUS_BITS, Modulus, powerModulo } from './modulus.js'
export { type Domain, Polynomial } from './polynomial.js'
export { findNttPrimes, isPrime } from './primes.js'
export type { ComponentPair, KeyDigit } from './products.js'
export { MAXIMUM_LOG_N, MINIMUM_LOG_N, Ring } from './ring.js'
export { DEFAULT_SIGMA } from './sampler.js'
export { deriveSeed, randomSeed, SEED_BYTES } from './seed.js'
export { PolynomialVault, type SharedPolynomial, VaultedPolynomial } from './vault.js'
