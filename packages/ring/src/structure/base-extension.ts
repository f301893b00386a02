/**
 * Exact centred base extension by mixed radix (Garner): for x given by residues x_i modulo odd primes q_0 … q_{k-1}, the balanced digits
 *
 *   v_0 = x_0        v_i = (…((x_i - v_0)·q_0^-1 - v_1)·q_1^-1 … - v_{i-1})·q_{i-1}^-1  mod q_i,   |v_i| <= (q_i - 1)/2
 *
 * give x = v_0 + v_1·q_0 + v_2·q_0·q_1 + …, which runs exactly through the centred interval |x| <= (Q - 1)/2, Q = Πq_i. No quotient is estimated, so the
 * result is right for every x, and modulo a further prime it costs one product fewer than the number of digits.
 */

import type { KernelCalls } from '../kernel/exports.js'
import { balance, invertModulo, MAXIMUM_MODULUS_BITS } from '../numbers/modulus.js'
import { COST } from './cost.js'
import type { RingStructure } from './ring-structure.js'

/** A constant and its quotient by the modulus, as kernel functions take it. */
export interface Constant {
  readonly w: number
  readonly ratio: number
}

function constantOf(ring: RingStructure, x: bigint, index: number): Constant {
  const modulus = ring.moduli[index]!
  const w = balance(x, modulus.value)
  return { w, ratio: w / modulus.number }
}

/** Writes (w, ratio) pairs of integers modulo the modulus `index`, 16 bytes each. */
export function writeConstants(ring: RingStructure, address: number, values: readonly bigint[], index: number): void {
  const pairs = values.flatMap(value => {
    const { w, ratio } = constantOf(ring, value, index)
    return [w, ratio]
  })
  ring.kernel.doubles(address, pairs.length).set(pairs)
}

/** The digits of one polynomial. */
export interface Digits {
  /** Kernel memory: their addresses (u32). */
  readonly table: number
  readonly rows: readonly number[]
}

/** Blocks into which a row may be cut: those of 2^16 residues (ring-structure.ts). */
const MOST_BLOCKS = 64

/** The largest unreduced term of a combination, units of q (assembly/combine.ts). */
const TERM_BOUND = 0.54
/** What `forward` takes, whatever the modulus: all its bounds are absolute, and are worked out for the largest (scripts/bounds.mjs). */
const FORWARD_INPUT_BOUND = 2 * 2 ** MAXIMUM_MODULUS_BITS

const extensions = new WeakMap<RingStructure, Map<string, BaseExtension>>()

/** The constants for extending from the moduli `source`, made at their first use and kept until the ring is disposed. */
export function extensionFrom(ring: RingStructure, source: readonly number[]): BaseExtension {
  let known = extensions.get(ring)
  if (!known) {
    known = new Map()
    extensions.set(ring, known)
  }
  const key = source.join()
  let extension = known.get(key)
  if (!extension) {
    extension = ring.keep(new BaseExtension(ring, ring.basis(source).indices))
    known.set(key, extension)
  }
  return extension
}

/** The constants of one source basis; those of a target are made when first used. */
export class BaseExtension implements Disposable {
  /** Product of the source moduli. */
  readonly product: bigint
  readonly count: number
  /** q_0…q_{k-1} for k = 1 … count - 1: what the digits from the second on are worth. */
  readonly #units: readonly bigint[]
  /** Kernel memory: moduli (f64), Garner's constants digit after digit, then per target count - 1 weights. */
  readonly #memory: number
  readonly #moduliAddress: number
  readonly #garnerAddress: number
  readonly #weightsAddress: number
  readonly #ready: boolean[]
  readonly #inverses: (Constant | undefined)[] = []

  constructor(
    private readonly ring: RingStructure,
    readonly source: readonly number[]
  ) {
    const { kernel, moduli } = ring
    const values = source.map(index => moduli[index]!.value)
    const count = source.length
    this.count = count
    let product = 1n
    this.#units = values.slice(0, -1).map(q => {
      product *= q
      return product
    })
    this.product = product * values.at(-1)!
    const garnerBytes = 8 * count * (count - 1)
    this.#memory = kernel.arena.allocate(8 * count + garnerBytes + moduli.length * 16 * (count - 1))
    this.#moduliAddress = this.#memory
    this.#garnerAddress = this.#moduliAddress + 8 * count
    this.#weightsAddress = this.#garnerAddress + garnerBytes
    this.#ready = moduli.map(() => false)
    kernel.doubles(this.#moduliAddress, count).set(values.map(Number))
    source.forEach((index, i) => {
      const q = values[i]!
      const inverses = values.slice(0, i).map(other => invertModulo(other, q))
      writeConstants(ring, this.#garner(i), inverses, index)
    })
  }

  [Symbol.dispose](): void {
    this.ring.kernel.arena.release(this.#memory)
  }

  /** Bytes of memory `prepare` needs for `polynomials` of them. */
  digitBytes(polynomials = 1): number {
    const { count, ring } = this
    return polynomials * ((count - 1) * ring.rowBytes + this.#tableBytes)
  }

  /**
   * First half, once per polynomial: the digits. The first is the first row itself, so the rows must stay until the second half is done.
   *
   * @param sources per polynomial the addresses of the source rows, coefficient domain
   * @param memory `digitBytes(sources.length)` bytes
   */
  prepare(sources: readonly (readonly number[])[], memory: number): Digits[] {
    const bytes = this.digitBytes()
    return BaseExtension.prepareAll(
      this.ring,
      sources.map((rows, p) => ({ extension: this, rows, memory: memory + p * bytes }))
    )
  }

  /** `prepare` for several extensions. */
  static prepareAll(
    ring: RingStructure,
    jobs: readonly { readonly extension: BaseExtension; readonly rows: readonly number[]; readonly memory: number }[]
  ): Digits[] {
    const digits = jobs.map(({ extension, rows, memory }) => extension.#digitsAt(rows, memory))
    const cost = Math.max(0, ...jobs.map(({ extension }) => extension.#digitCost))
    if (cost > 0) {
      ring.forEachBlock(jobs.length, cost, (calls, p, offset, n) => {
        const { extension, rows } = jobs[p]!
        extension.#computeDigits(calls, rows, digits[p]!, offset, n)
      })
    }
    return digits
  }

  /** Second half, per target: x mod the modulus `target` into the row at `out`, balanced. */
  extend(calls: KernelCalls, digits: Digits, out: number, target: number): void {
    this.#combine(calls, digits, out, target, true)
  }

  /**
   * Second half for a row that is transformed next, which takes numbers up to 2^50: nothing is computed that need not be.
   *
   * @param scratch row that may be written
   * @returns the address of the residues: `scratch`, or the source row itself
   */
  extendForTransform(calls: KernelCalls, digits: Digits, scratch: number, target: number): number {
    const { ring, count } = this
    const first = ring.moduli[this.source[0]!]!.number / 2
    const small = first + (count - 1) * TERM_BOUND * ring.moduli[target]!.number <= FORWARD_INPUT_BOUND
    if (small && count === 1) return digits.rows[0]!
    this.#combine(calls, digits, scratch, target, !small)
    return scratch
  }

  /** Both halves at once: x itself, rounded to doubles, into the row at `out`. */
  value(rows: readonly number[], memory: number, out: number): void {
    const { ring, count } = this
    const digits = this.#digitsAt(rows, memory)
    ring.forEachBlock(1, this.#digitCost + COST.value * count, (calls, _, offset, n) => {
      this.#computeDigits(calls, rows, digits, offset, n)
      calls.mixedRadixValue(out + offset, this.#table(digits, offset, n), count, this.#moduliAddress, n)
    })
  }

  /** Nanoseconds per residue that one target costs. */
  get cost(): number {
    return COST.term * this.count
  }

  /** Q^-1 modulo another modulus of the ring. */
  inverse(target: number): Constant {
    const known = this.#inverses[target]
    if (known) return known
    const constant = constantOf(this.ring, invertModulo(this.product, this.ring.moduli[target]!.value), target)
    this.#inverses[target] = constant
    return constant
  }

  get #digitCost(): number {
    return (COST.term * this.count * (this.count - 1)) / 2
  }

  /** Per block of columns a table of the digits' addresses there. */
  get #tableBytes(): number {
    return Math.ceil((4 * this.count * MOST_BLOCKS) / 64) * 64
  }

  #digitsAt(rows: readonly number[], memory: number): Digits {
    const { ring } = this
    const first = memory + this.#tableBytes
    const digits = { table: memory, rows: rows.map((row, i) => (i === 0 ? row : first + (i - 1) * ring.rowBytes)) }
    new Uint32Array(ring.kernel.memory.buffer, memory, this.count).set(digits.rows)
    return digits
  }

  /** Address of the table of the block that begins at `offset`, written if it is not the first. */
  #table(digits: Digits, offset: number, n: number): number {
    if (offset === 0) return digits.table
    const table = digits.table + 4 * this.count * (offset / (8 * n))
    const addresses = new Uint32Array(this.ring.kernel.memory.buffer, table, this.count)
    for (let i = 0; i < this.count; i++) addresses[i] = digits.rows[i]! + offset
    return table
  }

  #computeDigits(calls: KernelCalls, rows: readonly number[], digits: Digits, offset: number, n: number): void {
    const { ring, count } = this
    const table = this.#table(digits, offset, n)
    for (let i = 1; i < count; i++) {
      calls.mixedRadixDigit(digits.rows[i]! + offset, rows[i]! + offset, table, i, this.#garner(i), n, ring.block(this.source[i]!))
    }
  }

  #combine(calls: KernelCalls, digits: Digits, out: number, target: number, balanced: boolean): void {
    const { ring, count } = this
    const weights = this.#weightsAddress + target * 16 * (count - 1)
    if (!this.#ready[target]) {
      writeConstants(ring, weights, this.#units, target)
      this.#ready[target] = true
    }
    calls.combineRows(out, digits.table, count, weights, ring.N, ring.block(target), Number(balanced))
  }

  /** Address of the constants of digit i: i of them. */
  #garner(i: number): number {
    return this.#garnerAddress + 8 * i * (i - 1)
  }
}
