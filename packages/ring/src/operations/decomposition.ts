/** Digits of a polynomial for hybrid key switching, and their inner products with keys, row by row. */

import { AliasError, BasisMismatchError } from '../errors.js'
import type { KernelCalls } from '../kernel/exports.js'
import { OWN_SCRATCH } from '../kernel/pool/control.js'
import { BaseExtension, type Digits, extensionFrom } from '../structure/base-extension.js'
import { checkDomain, checkOperand } from '../structure/checks.js'
import { COST } from '../structure/cost.js'
import type { Polynomial } from '../structure/polynomial.js'
import type { RingStructure } from '../structure/ring-structure.js'
import type { KeyDigit } from './products.js'

/** See Ring.decompose. */
export function decompose(
  ring: RingStructure,
  out: Polynomial,
  coefficients: Polynomial,
  transformed: Polynomial,
  digitIndices: readonly number[]
): Polynomial {
  const operation = 'decompose'
  checkOperand(ring, operation, out, out)
  checkDomain(operation, coefficients, 'coefficient')
  checkDomain(operation, transformed, 'ntt')
  for (const source of [coefficients, transformed]) {
    checkOperand(ring, operation, source, source)
    if (out === source) throw new AliasError(operation)
    for (const index of digitIndices) if (source.basis.positions[index]! < 0) throw new BasisMismatchError(operation, index, source.indices)
  }
  const extension = extensionFrom(ring, digitIndices)
  ring.kernel.withScratch(extension.digitBytes(), memory => {
    const rows = digitIndices.map(index => coefficients.addressOf(index))
    const [digits] = extension.prepare([rows], memory)
    ring.forEachRow(out.indices, COST.transform, (calls, index, k) => {
      const to = out.rowAddress(k)
      if (digitIndices.includes(index)) calls.copyBytes(to, transformed.addressOf(index), ring.N * 8)
      else calls.forward(to, extension.extendForTransform(calls, digits!, to, index), ring.block(index))
    })
  })
  out.domain = 'ntt'
  return out
}

/** Bytes of a table entry: the addresses of b, a and the digit. */
const ENTRY_BYTES = 12

/**
 * Inner products of one polynomial's digits with keys, modulo one prime at a time: a row of every digit stays in the cache while keys stream past it.
 */
export class DigitProducts {
  readonly #extensions: readonly BaseExtension[]
  readonly #digitsBytes: number
  readonly #tableBytes: number
  #digits: readonly Digits[] = []
  #tables = 0

  /** @param rows for how many primes products will be computed */
  constructor(
    private readonly ring: RingStructure,
    private readonly polynomial: Polynomial,
    private readonly digitIndices: readonly (readonly number[])[],
    private readonly keys: readonly (readonly KeyDigit[])[],
    private readonly rows: number
  ) {
    this.#extensions = digitIndices.map(indices => extensionFrom(ring, indices))
    this.#digitsBytes = this.#extensions.reduce((bytes, e) => bytes + e.count * ring.rowBytes + e.digitBytes(), 0)
    this.#tableBytes = Math.ceil((ENTRY_BYTES * digitIndices.length) / 64) * 64
  }

  /** Bytes of memory `prepare` needs, which must stay while products are computed. */
  get bytes(): number {
    return this.#digitsBytes + this.#tableBytes * this.keys.length * this.rows
  }

  /** Bytes of an item's own scratch memory that `digitsModulo` uses. */
  get scratchBytes(): number {
    return this.digitIndices.length * this.ring.rowBytes
  }

  /** Nanoseconds per residue that the products modulo one prime take. */
  get cost(): number {
    return this.digitIndices.length * (COST.transform + 2 * COST.product * this.keys.length)
  }

  prepare(memory: number): void {
    const { ring, polynomial } = this
    const { kernel, N, rowBytes } = ring
    let next = memory
    const jobs = this.#extensions.map((extension, j) => {
      const rows = this.digitIndices[j]!.map((_, i) => next + i * rowBytes)
      next += rows.length * rowBytes
      const job = { extension, rows, memory: next }
      next += extension.digitBytes()
      return job
    })
    this.#tables = next
    const sources = jobs.flatMap(({ rows }, j) => rows.map((row, i) => ({ row, index: this.digitIndices[j]![i]! })))
    kernel.forEach(sources.length, sources.length * N * COST.transform, (calls, item) => {
      const { row, index } = sources[item]!
      calls.backward(row, polynomial.addressOf(index), ring.block(index))
    })
    this.#digits = BaseExtension.prepareAll(ring, jobs)
  }

  /** The digits modulo `index`, ntt domain. @param scratch `scratchBytes` bytes @returns their addresses */
  digitsModulo(calls: KernelCalls, index: number, scratch: number): number[] {
    const { ring } = this
    return this.digitIndices.map((indices, j) => {
      if (indices.includes(index)) return this.polynomial.addressOf(index)
      const to = scratch + j * ring.rowBytes
      calls.forward(to, this.#extensions[j]!.extendForTransform(calls, this.#digits[j]!, to, index), ring.block(index))
      return to
    })
  }

  /**
   * The sums Σ_j digit_j·(b_j, a_j) modulo `index` for the r-th key, into the rows at c0 and c1.
   *
   * @param digits those modulo `index`
   * @param position of this prime among those for which products are computed
   */
  multiply(calls: KernelCalls, digits: readonly number[], index: number, position: number, r: number, c0: number, c1: number): void {
    const { ring, keys } = this
    const table = this.#tables + (position * keys.length + r) * this.#tableBytes
    const entries = new Uint32Array(ring.kernel.memory.buffer, table, 3 * digits.length)
    digits.forEach((digit, j) => {
      const { b, a } = keys[r]![j]!
      entries[3 * j] = b.addressOf(index)
      entries[3 * j + 1] = a.addressOf(index)
      // Where its own scratch memory is, only the thread knows.
      if (digit >= OWN_SCRATCH) calls.storeAddress(table + ENTRY_BYTES * j + 8, digit)
      else entries[3 * j + 2] = digit
    })
    calls.multiplyAccumulate21(c0, c1, table, digits.length, ring.N, ring.block(index), 0)
  }
}
