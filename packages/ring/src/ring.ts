/**
 * Z[X]/(X^N + 1) modulo primes below 2^49, in residue number system form: allocation and arithmetic.
 *
 * Conventions of every operation: `out` comes first and is returned; it may be one of the inputs unless said otherwise; rows are matched by
 * modulus index and an operand may hold more rows than `out`. Wrong domains throw DomainMismatchError, missing rows BasisMismatchError,
 * operands of another ring RingMismatchError, disposed operands DisposedError.
 */

import type { Domain } from './domain.js'
import { divideAndRound, extendBasis, fromIntegers, toDoubles } from './operations/basis-change.js'
import { decodeIntegers, decodePacked, decodeWords, encodeIntegers, encodePacked, encodeWords, packedLength } from './operations/codec.js'
import { decompose } from './operations/decomposition.js'
import { type ComplexSlots, fromSlots, interpolate } from './operations/embedding.js'
import { decomposeInnerProduct, type KeySwitchFinish, type PolynomialPair, switchKeys } from './operations/key-switch.js'
import { type CombinationRow, linearCombinations } from './operations/linear-combination.js'
import { monomialCombinations } from './operations/monomial-combination.js'
import { automorphism, combinePair, copy, inverseNtt, multiplyScalar, negate, ntt } from './operations/pointwise.js'
import {
  addAutomorphism,
  automorphismOfSum,
  type ComponentPair,
  innerProduct,
  type KeyDigit,
  multiplyAccumulate,
  multiplyAccumulateMany,
  type SumOfProducts
} from './operations/products.js'
import { DEFAULT_SIGMA, gaussian, ternary, uniform, uniformBits, wideGaussian } from './operations/sampler.js'
import type { Basis } from './structure/basis.js'
import { checkDomain } from './structure/checks.js'
import { Polynomial } from './structure/polynomial.js'
import { RingStructure } from './structure/ring-structure.js'

/** Z[X]/(X^N + 1) modulo a list of primes: everything that is done with its polynomials. */
export class Ring extends RingStructure {
  /** A zero polynomial over the moduli `indices` (ascending). @throws BasisMismatchError OutOfMemoryError */
  allocate(indices: readonly number[], domain: Domain): Polynomial {
    const polynomial = this.allocateUninitialised(this.basis(indices), domain)
    polynomial.wipe()
    return polynomial
  }

  /** Like `allocate`, with unspecified residues: for a polynomial about to be overwritten. */
  allocateUninitialised(basis: Basis, domain: Domain): Polynomial {
    return Polynomial.uninitialised(this, basis, domain)
  }

  /** out = a, in a's domain. */
  copy(out: Polynomial, a: Polynomial): Polynomial {
    return copy(this, out, a)
  }

  /** out = a + b. */
  add(out: Polynomial, a: Polynomial, b: Polynomial): Polynomial {
    return combinePair(this, 'add', out, a, b)
  }

  /** out = a - b. */
  subtract(out: Polynomial, a: Polynomial, b: Polynomial): Polynomial {
    return combinePair(this, 'subtract', out, a, b)
  }

  /** out = -a. */
  negate(out: Polynomial, a: Polynomial): Polynomial {
    return negate(this, out, a)
  }

  /** out = a·b, ntt domain. */
  multiply(out: Polynomial, a: Polynomial, b: Polynomial): Polynomial {
    checkDomain('multiply', a, 'ntt')
    return combinePair(this, 'multiply', out, a, b)
  }

  /** out += a·b, ntt domain. */
  multiplyAdd(out: Polynomial, a: Polynomial, b: Polynomial): Polynomial {
    checkDomain('multiplyAdd', out, 'ntt')
    checkDomain('multiplyAdd', a, 'ntt')
    return combinePair(this, 'multiplyAdd', out, a, b)
  }

  /**
   * out = scalar·a, either domain.
   *
   * @param scalar any integer, or one per row of `out`
   * @throws LengthMismatchError
   */
  multiplyScalar(out: Polynomial, a: Polynomial, scalar: bigint | readonly bigint[]): Polynomial {
    return multiplyScalar(this, out, a, scalar)
  }

  /** Forward transform in place. */
  ntt(p: Polynomial): Polynomial {
    return ntt(this, p)
  }

  /** Inverse transform in place. */
  inverseNtt(p: Polynomial): Polynomial {
    return inverseNtt(this, p)
  }

  /**
   * out = a(X^g), in a's domain. `out` must not be `a`.
   *
   * @param galoisElement g, odd, 0 < g < 2N
   * @throws AliasError InvalidArgumentError
   */
  automorphism(out: Polynomial, a: Polynomial, galoisElement: number): Polynomial {
    return automorphism(this, out, a, galoisElement)
  }

  /** Uniform residues, each row its own stream, in out's domain. See sampler.ts for all samplers. */
  uniform(out: Polynomial, seed: Uint8Array): Polynomial {
    return uniform(this, out, seed)
  }

  /** Uniform {-1, 0, 1} coefficients, one vector for all rows; out becomes coefficient domain. */
  ternary(out: Polynomial, seed: Uint8Array): Polynomial {
    return ternary(this, out, seed)
  }

  /** Discrete Gaussian of standard deviation sigma, bounded by 6 sigma, one vector for all rows; out becomes coefficient domain. */
  gaussian(out: Polynomial, seed: Uint8Array, sigma = DEFAULT_SIGMA): Polynomial {
    return gaussian(this, out, seed, sigma)
  }

  /** Gaussian of standard deviation sigma up to 2^200, one integer vector for all rows; out becomes coefficient domain. */
  wideGaussian(out: Polynomial, seed: Uint8Array, sigma: number): Polynomial {
    return wideGaussian(this, out, seed, sigma)
  }

  /** Uniform integers in [-2^(bits-1), 2^(bits-1)), bits <= 512, one integer vector for all rows; out becomes coefficient domain. */
  uniformBits(out: Polynomial, seed: Uint8Array, bits: number): Polynomial {
    return uniformBits(this, out, seed, bits)
  }

  /** Reduces N integers, |v| < 2^98, into every row, and transforms it where `domain` is 'ntt'; out becomes of that domain. */
  fromIntegers(out: Polynomial, values: Float64Array, domain: Domain = 'coefficient'): Polynomial {
    return fromIntegers(this, out, values, domain)
  }

  /**
   * The real polynomial that has these values in its slots (see embedding-tables.ts; missing ones are 0) times `scale`, rounded to integers, in the domain that `out` has.
   *
   * @param limit at most 2^98
   * @returns the largest |coefficient|; where it is not below `limit`, `out` is as it was
   * @throws LengthMismatchError for more than N/2 slots
   */
  fromSlots(out: Polynomial, slots: ComplexSlots, scale: number, limit: number): number {
    return fromSlots(this, out, slots, scale, limit)
  }

  /** The integers of `fromSlots`, however large, and the largest of their magnitudes. @throws LengthMismatchError */
  interpolate(slots: ComplexSlots, scale: number): { coefficients: Float64Array; largest: number } {
    return interpolate(this, slots, scale)
  }

  /** The centred integers a stands for, modulo the product of its rows: exact below 2^53, correctly rounded to about one unit beyond. */
  toDoubles(a: Polynomial): Float64Array {
    return toDoubles(this, a)
  }

  /** Exact centred base extension of a over its own rows into out's rows: the representative with |x| <= (Q - 1)/2. Coefficient domain. */
  extendBasis(out: Polynomial, a: Polynomial): Polynomial {
    return extendBasis(this, out, a)
  }

  /**
   * out = round(a / Π drop) [+ addend], a over out's rows and `drop`, which are disjoint. Either domain, out in a's. `addend` may be `out`.
   */
  divideAndRound(out: Polynomial, a: Polynomial, drop: readonly number[], addend?: Polynomial): Polynomial {
    divideAndRound(this, [out], [a], drop, [addend])
    return out
  }

  /** Several polynomials over the same rows in the same domain: like `divideAndRound` for each, but threads have more to share out. */
  divideAndRoundAll(
    outs: readonly Polynomial[],
    inputs: readonly Polynomial[],
    drop: readonly number[],
    addends: readonly (Polynomial | undefined)[] = []
  ): void {
    divideAndRound(this, outs, inputs, drop, addends)
  }

  /**
   * One digit of a hybrid key switch (eprint 2020/304): the centred value of a modulo the product of `digitIndices`, over out's rows, ntt domain.
   *
   * @param out over any rows, usually those of a and the special primes
   * @param coefficients a in the coefficient domain, having the digit's rows
   * @param transformed a in the ntt domain: the digit's own rows are copied from it
   */
  decompose(out: Polynomial, coefficients: Polynomial, transformed: Polynomial, digitIndices: readonly number[]): Polynomial {
    return decompose(this, out, coefficients, transformed, digitIndices)
  }

  /**
   * `decompose` for every digit and `innerProduct` with each key, row by row, so that the digits never leave the cache:
   * out[r] = σ_r( Σ_j [a]_{D_j}·(keys[r][j].b, keys[r][j].a) + addends ), ntt domain.
   *
   * @param digitIndices the moduli of each digit
   */
  decomposeInnerProduct(
    out: readonly PolynomialPair[],
    a: Polynomial,
    digitIndices: readonly (readonly number[])[],
    keys: readonly (readonly KeyDigit[])[],
    finish: KeySwitchFinish = {}
  ): void {
    decomposeInnerProduct(this, out, a, digitIndices, keys, finish)
  }

  /**
   * Whole key switches of one polynomial under several keys: the inner products over out's rows and `drop`, divided as by `divideAndRound`, row by row:
   * out[r] = σ_r( round(Σ_j [a]_{D_j}·(keys[r][j].b, keys[r][j].a) / Π drop) + addends ), ntt domain.
   */
  switchKeys(
    out: readonly PolynomialPair[],
    a: Polynomial,
    digitIndices: readonly (readonly number[])[],
    keys: readonly (readonly KeyDigit[])[],
    drop: readonly number[],
    finish: KeySwitchFinish = {}
  ): void {
    switchKeys(this, out, a, digitIndices, keys, drop, finish)
  }

  /** (out0, out1) = (Σ_j digits[j]·keys[j].b, Σ_j digits[j]·keys[j].a), ntt domain, reduced once. */
  innerProduct(out0: Polynomial, out1: Polynomial, digits: readonly Polynomial[], keys: readonly KeyDigit[]): void {
    innerProduct(this, out0, out1, digits, keys)
  }

  /**
   * Sums of products of component vectors, ntt domain, reduced once: with a = (a0[, a1]) and b = (b0[, b1]) per pair, out is
   * (Σ a0·b0), (Σ a0·b0, Σ a1·b0) or (Σ a0·b0, Σ a0·b1 + a1·b0, Σ a1·b1). No output may be an input.
   *
   * @param add add the sums to what `out` holds
   * @throws LengthMismatchError AliasError and the usual
   */
  multiplyAccumulate(out: readonly Polynomial[], pairs: readonly ComponentPair[], add = false): void {
    multiplyAccumulate(this, out, pairs, add)
  }

  /**
   * Many sums of products of pairs, each factor of two components: as `multiplyAccumulate` one after another, but a few columns of all of them at a time, so that factors that several sums
   * share come from the cache. Outputs have one basis; none may be an input or the output of another sum.
   *
   * @throws LengthMismatchError AliasError and the usual
   */
  multiplyAccumulateMany(sums: readonly SumOfProducts[]): void {
    multiplyAccumulateMany(this, sums)
  }

  /**
   * A matrix of integers times a vector of tuples of polynomials, exact, either domain: outs[o] = Σ_t rows[o].coefficients[t]·inputs[rows[o].inputs[t]], component by
   * component; rows[o].constant is added to every residue of the first component. No output may be an input. Rows with the same inputs are computed together.
   *
   * @throws LengthMismatchError AliasError InvalidArgumentError and the usual
   */
  linearCombinations(
    outs: readonly (readonly Polynomial[])[],
    inputs: readonly (readonly Polynomial[])[],
    rows: readonly CombinationRow[]
  ): void {
    linearCombinations(this, outs, inputs, rows)
  }

  /**
   * A matrix of monomials times a vector of polynomials, coefficient domain: outs[o] = Σ_i X^exponents[o][i]·inputs[i]. No output may be an input.
   *
   * @param exponents 0 to 2N - 1 (X^N = -1), or NO_TERM where an input has no part in a sum
   * @param add add the sums to what `outs` hold
   * @throws LengthMismatchError AliasError InvalidArgumentError and the usual
   */
  monomialCombinations(
    outs: readonly Polynomial[],
    inputs: readonly Polynomial[],
    exponents: readonly ArrayLike<number>[],
    add = false
  ): void {
    monomialCombinations(this, outs, inputs, exponents, add)
  }

  /** out += a(X^g), ntt domain. `out` must not be `a`. */
  addAutomorphism(out: Polynomial, a: Polynomial, galoisElement: number): Polynomial {
    return addAutomorphism(this, out, a, galoisElement)
  }

  /** out = (a + b)(X^g), ntt domain. `out` must be neither. */
  automorphismOfSum(out: Polynomial, a: Polynomial, b: Polynomial, galoisElement: number): Polynomial {
    return automorphismOfSum(this, out, a, b, galoisElement)
  }

  /** 8 bytes little-endian per canonical residue, standard order, row after row. */
  encodeWords(a: Polynomial): Uint8Array<ArrayBuffer> {
    return encodeWords(this, a)
  }

  /** @throws ResidueRangeError LengthMismatchError */
  decodeWords(bytes: Uint8Array, indices: readonly number[], domain: Domain): Polynomial {
    return decodeWords(this, bytes, indices, domain)
  }

  /** ⌈log2 q⌉ bits per canonical residue, little-endian bit order, standard order (a row is a whole number of bytes). */
  encodePacked(a: Polynomial): Uint8Array<ArrayBuffer> {
    return encodePacked(this, a)
  }

  /** @throws ResidueRangeError LengthMismatchError */
  decodePacked(bytes: Uint8Array, indices: readonly number[], domain: Domain): Polynomial {
    return decodePacked(this, bytes, indices, domain)
  }

  /**
   * Integers from -2^(bits-1) to 2^(bits-1) - 1 as value + 2^(bits-1) in `bits` bits each, little-endian bit order.
   *
   * @param values a multiple of 8 of them
   * @param bits 1 to 48
   * @throws InvalidArgumentError
   */
  encodeIntegers(values: Float64Array, bits: number): Uint8Array<ArrayBuffer> {
    return encodeIntegers(this, values, bits)
  }

  /** `count` integers of `bits` bits, of which every pattern is one. @throws LengthMismatchError InvalidArgumentError */
  decodeIntegers(bytes: Uint8Array, count: number, bits: number): Float64Array<ArrayBuffer> {
    return decodeIntegers(this, bytes, count, bits)
  }

  /** Length of `encodePacked` over these rows. */
  packedLength(indices: readonly number[]): number {
    return packedLength(this, indices)
  }
}
