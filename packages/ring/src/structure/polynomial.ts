/**
 * A polynomial of Z[X]/(X^N + 1) in residue number system form: one row of N balanced residues per modulus, |r| <= (q-1)/2, as doubles in the
 * kernel's memory. Transform-domain rows are in the kernel's own order; the standard order exists only in bytes (codec).
 *
 * The memory is freed by `dispose`, never by the garbage collector.
 */

import type { Domain } from '../domain.js'
import { DisposedError } from '../errors.js'
import type { Basis } from './basis.js'
import type { RingStructure } from './ring-structure.js'

/**
 * Bytes between the rows of one polynomial and those of the next, beside a power of two: an odd number of cache lines. Without them the same column of all polynomials would be in the same few
 * lines of every cache, and an operation on more of them than a cache has ways would find none of them there.
 */
const GAP = 13 * 64

/** N coefficients or N values at roots of unity, modulo some of a ring's primes: rows of balanced doubles in the kernel's memory, freed by `dispose`. */
export class Polynomial implements Disposable {
  #address: number

  private constructor(
    readonly ring: RingStructure,
    /** @internal */
    readonly basis: Basis,
    address: number,
    public domain: Domain
  ) {
    this.#address = address
  }

  /** With unspecified residues: to be overwritten. @throws DisposedError OutOfMemoryError */
  static uninitialised(ring: RingStructure, basis: Basis, domain: Domain): Polynomial {
    if (ring.isDisposed) throw new DisposedError('ring')
    return new Polynomial(ring, basis, ring.kernel.arena.allocate(basis.indices.length * ring.rowBytes + GAP), domain)
  }

  /** Indices into `ring.moduli`, ascending. */
  get indices(): readonly number[] {
    return this.basis.indices
  }

  /** Whether its memory was given back; every use fails with DisposedError then. */
  get isDisposed(): boolean {
    return this.#address < 0
  }

  /** Address of the first row. @throws DisposedError */
  get address(): number {
    if (this.#address < 0) throw new DisposedError('polynomial')
    return this.#address
  }

  /** Address of the k-th row. @throws DisposedError */
  rowAddress(k: number): number {
    return this.address + k * this.ring.rowBytes
  }

  /** Address of the row of modulus `index`, -1 when there is none. @throws DisposedError */
  addressOf(index: number): number {
    const position = this.basis.positions[index]!
    return position < 0 ? -1 : this.address + position * this.ring.rowBytes
  }

  /**
   * A view of the k-th row: raw balanced doubles, in kernel order when in the ntt domain. Take a fresh one after anything that may allocate:
   * growing the memory detaches old views.
   */
  row(k: number): Float64Array<ArrayBufferLike> {
    return this.ring.kernel.doubles(this.rowAddress(k), this.ring.N)
  }

  /** Another over the same rows and in the same domain, with unspecified residues. */
  blankCopy(): Polynomial {
    return Polynomial.uninitialised(this.ring, this.basis, this.domain)
  }

  /** A copy of its own. */
  clone(): Polynomial {
    const copy = this.blankCopy()
    this.ring.kernel.exports.copyBytes(copy.address, this.address, this.indices.length * this.ring.rowBytes)
    return copy
  }

  /** Overwrites the residues with zeros. */
  wipe(): void {
    this.ring.kernel.exports.zero(this.address, this.indices.length * this.ring.rowBytes)
  }

  /** Frees the memory. Does nothing the second time. */
  dispose(): void {
    if (this.#address < 0) return
    this.ring.kernel.arena.release(this.#address)
    this.#address = -1
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
