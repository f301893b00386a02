/** What the operations on a ring's polynomials take: its moduli and their tables, its bases, and how work is cut into items for the threads. */

import { BasisMismatchError, DisposedError, InvalidArgumentError, InvalidModulusError } from '../errors.js'
import type { KernelCalls } from '../kernel/exports.js'
import type { Kernel, Scratch } from '../kernel/kernel.js'
import { gaussianThresholds } from '../numbers/gaussian-table.js'
import { MAXIMUM_MODULUS_BITS, Modulus } from '../numbers/modulus.js'
import { isPrime } from '../numbers/primes.js'
import { Basis } from './basis.js'
import { TransformTables } from './transform-tables.js'

/** log2 of the smallest ring degree. */
export const MINIMUM_LOG_N = 4
/** log2 of the largest ring degree. */
export const MAXIMUM_LOG_N = 16

/**
 * Bytes between rows beyond the residues: three cache lines, so that equal positions of many rows do not fall into the same cache set,
 * and so that vector stores may run over a row's end.
 */
const ROW_PADDING_BYTES = 192

/** Rows are cut into blocks of columns until there are this many items per thread, but not below so many columns. */
const ITEMS_PER_THREAD = 8
const SMALLEST_BLOCK = 1024

/** What operations know of a ring: degree, moduli, tables, memory and threads. */
export class RingStructure implements Disposable {
  readonly kernel: Kernel
  readonly logN: number
  readonly N: number
  readonly moduli: readonly Modulus[]
  /** Distance of a polynomial's rows in memory, bytes. */
  readonly rowBytes: number
  readonly #tables: TransformTables
  readonly #bases = new Map<string, Basis>()
  readonly #kept = new DisposableStack()
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

  /** Whether its tables were given back; every use fails with DisposedError then. */
  get isDisposed(): boolean {
    return this.#disposed
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
    this.#kept.dispose()
    for (const address of this.#automorphisms.values()) this.kernel.arena.release(address)
  }

  [Symbol.dispose](): void {
    this.dispose()
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

  /** Disposes `resource` with the ring: tables that an operation makes at its first use. */
  keep<T extends Disposable>(resource: T): T {
    return this.#kept.use(resource)
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

  /** Work on the whole rows of a polynomial over `indices`, on all threads (`Kernel.forEach`). @param cost nanoseconds per residue */
  forEachRow(
    indices: readonly number[],
    cost: number,
    body: (calls: KernelCalls, index: number, k: number, scratch: number) => void,
    scratch?: Scratch
  ): void {
    this.kernel.forEach(indices.length, indices.length * this.N * cost, (calls, k, own) => body(calls, indices[k]!, k, own), scratch)
  }

  /** Throws unless the element is odd and below 2N. @throws InvalidArgumentError */
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
}
