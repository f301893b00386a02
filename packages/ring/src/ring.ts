/**
 * Z[X]/(X^N + 1) modulo primes below 2^49, in residue number system form: allocation and arithmetic.
 *
 * Conventions of every operation: `out` comes first and is returned; it may be one of the inputs unless said otherwise; rows are matched by
 * modulus index and an operand may hold more rows than `out`. Wrong domains throw DomainMismatchError, missing rows BasisMismatchError,
 * operands of another ring RingMismatchError, disposed operands DisposedError.
 */

import {
  BasisMismatchError,
  DisposedError,
  DomainMismatchError,
  InvalidArgumentError,
  InvalidModulusError,
  RingMismatchError
} from './errors.js'
import type { KernelCalls } from './kernel/exports.js'
import type { Kernel, Scratch } from './kernel/kernel.js'
import { gaussianThresholds } from './numbers/gaussian-table.js'
import { MAXIMUM_MODULUS_BITS, Modulus } from './numbers/modulus.js'
import { isPrime } from './numbers/primes.js'
import { divideAndRound, extendBasis, fromIntegers, toDoubles } from './operations/basis-change.js'
import { decodePacked, decodeWords, encodePacked, encodeWords, packedLength } from './operations/codec.js'
import { decompose } from './operations/decomposition.js'
import { decomposeInnerProduct, type KeySwitchFinish, type PolynomialPair, switchKeys } from './operations/key-switch.js'
import { type CombinationRow, linearCombinations } from './operations/linear-combination.js'
import { automorphism, combinePair, copy, inverseNtt, multiplyScalar, negate, ntt } from './operations/pointwise.js'
import {
  addAutomorphism,
  automorphismOfSum,
  type ComponentPair,
  innerProduct,
  type KeyDigit,
  multiplyAccumulate
} from './operations/products.js'
import { DEFAULT_SIGMA, gaussian, ternary, uniform, uniformBits, wideGaussian } from './operations/sampler.js'
import { BaseExtension } from './structure/base-extension.js'
import { Basis } from './structure/basis.js'
import { type Domain, Polynomial } from './structure/polynomial.js'
import { TransformTables } from './structure/transform-tables.js'

export const MINIMUM_LOG_N = 4
export const MAXIMUM_LOG_N = 16

/**
 * Bytes between rows beyond the residues: three cache lines, so that equal positions of many rows do not fall into the same cache set,
 * and so that vector stores may run over a row's end.
 */
const ROW_PADDING_BYTES = 192

/** Rows are cut into blocks of columns until there are this many items per thread, but not below so many columns. */
const ITEMS_PER_THREAD = 8
const SMALLEST_BLOCK = 1024

export class Ring implements Disposable {
  readonly kernel: Kernel
  readonly logN: number
  readonly N: number
  readonly moduli: readonly Modulus[]
  /** Distance of a polynomial's rows in memory, bytes. */
  readonly rowBytes: number
  readonly #tables: TransformTables
  readonly #bases = new Map<string, Basis>()
  readonly #extensions = new Map<string, BaseExtension>()
  readonly #automorphisms = new Map<number, number>()
  readonly #gaussians = new Map<number, BigInt64Array>()
  #disposed = false

  /**
   * Builds the root tables and tests one transform per prime.
   *
   * @param init.logN log2 of the ring degree, 4 to 16
   * @param init.moduli distinct primes ≡ 1 mod 2N below 2^49
   * @throws InvalidModulusError InvalidArgumentError OutOfMemoryError KernelSelfTestError
   */
  constructor(kernel: Kernel, init: { logN: number; moduli: readonly bigint[] }) {
    const { logN, moduli } = init
    if (!Number.isInteger(logN) || logN < MINIMUM_LOG_N || logN > MAXIMUM_LOG_N) {
      throw new InvalidArgumentError('logN', `an integer from ${MINIMUM_LOG_N} to ${MAXIMUM_LOG_N}`, logN)
    }
    if (moduli.length === 0) throw new InvalidArgumentError('moduli', 'at least one prime', 0)
    moduli.forEach((q, i) => {
      if (q >= 1n << BigInt(MAXIMUM_MODULUS_BITS)) throw new InvalidModulusError(q, `is not below 2^${MAXIMUM_MODULUS_BITS}`)
      if (q < 2n || (q - 1n) % (1n << BigInt(logN + 1)) !== 0n) throw new InvalidModulusError(q, `is not 1 modulo 2N = 2^${logN + 1}`)
      if (!isPrime(q)) throw new InvalidModulusError(q, 'is not prime')
      if (moduli.indexOf(q) !== i) throw new InvalidModulusError(q, 'is given twice')
    })
    this.kernel = kernel
    this.logN = logN
    this.N = 2 ** logN
    this.rowBytes = this.N * 8 + ROW_PADDING_BYTES
    this.moduli = moduli.map(q => new Modulus(q))
    this.#tables = new TransformTables(kernel, logN, this.moduli)
  }

  /** The primitive 2N-th root of unity of each modulus. */
  get roots(): readonly bigint[] {
    return this.#tables.roots
  }

  /** Address of the constants of modulus `index` (assembly/modulus.ts). @throws DisposedError */
  block(index: number): number {
    if (this.#disposed) throw new DisposedError('ring')
    return this.#tables.blocks[index]!
  }

  /** Frees the tables. Polynomials must have been disposed by their owners. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#tables.dispose()
    for (const extension of this.#extensions.values()) extension.dispose()
    for (const address of this.#automorphisms.values()) this.kernel.arena.release(address)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** A zero polynomial over the moduli `indices` (ascending). @throws BasisMismatchError OutOfMemoryError */
  allocate(indices: readonly number[], domain: Domain): Polynomial {
    const polynomial = this.allocateUninitialised(this.basis(indices), domain)
    polynomial.wipe()
    return polynomial
  }

  /** Like `allocate`, with unspecified residues: for a polynomial about to be overwritten. */
  allocateUninitialised(basis: Basis, domain: Domain): Polynomial {
    if (this.#disposed) throw new DisposedError('ring')
    return new Polynomial(this, basis, this.kernel.arena.allocate(basis.indices.length * this.rowBytes), domain)
  }

  /** The interned basis of these indices. @throws BasisMismatchError when they are not ascending indices of this ring's moduli, or none */
  basis(indices: readonly number[]): Basis {
    const key = indices.join()
    let basis = this.#bases.get(key)
    if (!basis) {
      if (indices.length === 0) throw new BasisMismatchError('basis', 0, indices, 'or any other is missing')
      indices.forEach((index, k) => {
        if (!Number.isInteger(index) || index < 0 || index >= this.moduli.length) {
          throw new BasisMismatchError('basis', index, indices, `does not exist among ${this.moduli.length} moduli`)
        }
        if (k > 0 && index <= indices[k - 1]!) throw new BasisMismatchError('basis', index, indices, 'is not in ascending order')
      })
      basis = new Basis(Object.freeze([...indices]), this.moduli.length)
      this.#bases.set(key, basis)
    }
    return basis
  }

  /** The constants for extending from the moduli `source`. */
  extension(source: readonly number[]): BaseExtension {
    const key = source.join()
    let extension = this.#extensions.get(key)
    if (!extension) {
      extension = new BaseExtension(this, this.basis(source).indices)
      this.#extensions.set(key, extension)
    }
    return extension
  }

  /** @throws RingMismatchError DisposedError BasisMismatchError unless `a` is a live polynomial of this ring with all rows of `out` */
  checkOperand(operation: string, out: Polynomial, a: Polynomial): void {
    if (out.ring !== this || a.ring !== this) throw new RingMismatchError(operation)
    if (a.isDisposed || out.isDisposed) throw new DisposedError('polynomial')
    if (this.#disposed) throw new DisposedError('ring')
    if (out.basis === a.basis) return
    for (const index of out.indices) if (a.basis.positions[index]! < 0) throw new BasisMismatchError(operation, index, a.indices)
  }

  /** @throws DomainMismatchError */
  checkDomain(operation: string, a: Polynomial, expected: Domain): void {
    if (a.domain !== expected) throw new DomainMismatchError(operation, expected, a.domain)
  }

  /**
   * Work on rows that treats every residue alike, on all threads (`Kernel.forEach`), in blocks of columns.
   *
   * @param cost nanoseconds per residue
   * @param body makes the calls for the `count` residues of the k-th row from `offset` bytes on
   */
  forEachBlock(
    rows: number,
    cost: number,
    body: (calls: KernelCalls, k: number, offset: number, count: number, item: number, scratch: number) => void,
    scratch?: Scratch
  ): void {
    const blocks = this.blocksPerRow(rows, cost)
    const count = this.N / blocks
    const work = (calls: KernelCalls, item: number, own: number): void =>
      body(calls, Math.floor(item / blocks), 8 * count * (item % blocks), count, item, own)
    this.kernel.forEach(rows * blocks, rows * this.N * cost, work, scratch)
  }

  /** Blocks of columns into which `forEachBlock` cuts a row. */
  blocksPerRow(rows: number, cost: number): number {
    const { kernel } = this
    let blocks = 1
    if (kernel.isParallel(rows * this.N * cost)) {
      while (rows * blocks < ITEMS_PER_THREAD * kernel.threads && this.N / blocks > SMALLEST_BLOCK) blocks *= 2
    }
    return blocks
  }

  /** Work on whole rows, on all threads (`Kernel.forEach`). @param cost nanoseconds per residue */
  forEachRow(
    a: Polynomial,
    cost: number,
    body: (calls: KernelCalls, index: number, k: number, scratch: number) => void,
    scratch?: Scratch
  ): void {
    const { indices } = a
    this.kernel.forEach(indices.length, indices.length * this.N * cost, (calls, k, own) => body(calls, indices[k]!, k, own), scratch)
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
    this.checkDomain('multiply', a, 'ntt')
    return combinePair(this, 'multiply', out, a, b)
  }

  /** out += a·b, ntt domain. */
  multiplyAdd(out: Polynomial, a: Polynomial, b: Polynomial): Polynomial {
    this.checkDomain('multiplyAdd', out, 'ntt')
    this.checkDomain('multiplyAdd', a, 'ntt')
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

  checkGaloisElement(galoisElement: number): void {
    if (!Number.isInteger(galoisElement) || galoisElement <= 0 || galoisElement >= 2 * this.N || galoisElement % 2 === 0) {
      throw new InvalidArgumentError('galoisElement', `an odd integer below 2N = ${2 * this.N}`, galoisElement)
    }
  }

  /** Address of the gather table of an automorphism in the ntt domain, 4 bytes per residue; kept until the ring is disposed. */
  automorphismOffsets(galoisElement: number): number {
    let address = this.#automorphisms.get(galoisElement)
    if (address === undefined) {
      address = this.kernel.arena.allocate(this.N * 4)
      this.kernel.exports.automorphismOffsets(address, this.logN, galoisElement)
      this.#automorphisms.set(galoisElement, address)
    }
    return address
  }

  /** The table of `gaussian`. */
  gaussianThresholds(sigma: number): BigInt64Array {
    let thresholds = this.#gaussians.get(sigma)
    if (!thresholds) {
      thresholds = gaussianThresholds(sigma)
      this.#gaussians.set(sigma, thresholds)
    }
    return thresholds
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

  /** Reduces N integers, |v| < 2^98, into every row; out becomes coefficient domain. */
  fromIntegers(out: Polynomial, values: Float64Array): Polynomial {
    return fromIntegers(this, out, values)
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

  /** Length of `encodePacked` over these rows. */
  packedLength(indices: readonly number[]): number {
    return packedLength(this, indices)
  }
}
