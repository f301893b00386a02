/**
 * Exact centred base extension by mixed radix (Garner): for x given by residues x_i modulo odd primes q_0 … q_{k-1}, the balanced digits
 *
 *   v_0 = x_0        v_i = (…((x_i - v_0)·q_0^-1 - v_1)·q_1^-1 … - v_{i-1})·q_{i-1}^-1  mod q_i,   |v_i| <= (q_i - 1)/2
 *
 * give x = v_0 + v_1·q_0 + v_2·q_0·q_1 + …, which runs exactly through the centred interval |x| <= (Q - 1)/2, Q = Πq_i. No quotient is estimated, so the
 * result is right for every x, and modulo a further prime it costs one product fewer than the number of digits.
 */

import { balance, invertModulo, MAXIMUM_MODULUS_BITS } from './modulus.js'
import type { Ring } from './ring.js'

/** A constant and its quotient by the modulus, as kernel functions take it. */
export interface Constant {
  readonly w: number
  readonly ratio: number
}

function constantOf(ring: Ring, x: bigint, index: number): Constant {
  const modulus = ring.moduli[index]!
  const w = balance(x, modulus.value)
  return { w, ratio: w / modulus.number }
}

/** Writes (w, ratio) pairs of integers modulo the modulus `index`, 16 bytes each. */
export function writeConstants(ring: Ring, address: number, values: readonly bigint[], index: number): void {
  const pairs = values.flatMap(value => {
    const { w, ratio } = constantOf(ring, value, index)
    return [w, ratio]
  })
  ring.kernel.doubles(address, pairs.length).set(pairs)
}

/** The largest unreduced term of a combination, units of q (assembly/combine.ts). */
const TERM_BOUND = 0.54
/** What `forward` takes, whatever the modulus: all its bounds are absolute, and are worked out for the largest (scripts/bounds.mjs). */
const FORWARD_INPUT_BOUND = 2 * 2 ** MAXIMUM_MODULUS_BITS

/** The constants of one source basis; those of a target are made when first used. */
export class BaseExtension {
  /** Product of the source moduli. */
  readonly product: bigint
  readonly count: number
  /** q_0…q_{k-1} for k = 1 … count - 1: what the digits from the second on are worth. */
  readonly #units: readonly bigint[]
  /** Kernel memory: addresses of the digits (u32), moduli (f64), Garner's constants digit after digit, then per target count - 1 weights. */
  readonly #memory: number
  readonly #moduliAddress: number
  readonly #garnerAddress: number
  readonly #weightsAddress: number
  readonly #ready: boolean[]
  readonly #inverses: (Constant | undefined)[] = []

  constructor(
    private readonly ring: Ring,
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
    const rowsBytes = Math.ceil((4 * count) / 64) * 64
    const garnerBytes = 8 * count * (count - 1)
    this.#memory = kernel.arena.allocate(rowsBytes + 8 * count + garnerBytes + moduli.length * 16 * (count - 1))
    this.#moduliAddress = this.#memory + rowsBytes
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

  dispose(): void {
    this.ring.kernel.arena.release(this.#memory)
  }

  /** Bytes of scratch `prepare` needs. */
  get scratchBytes(): number {
    return (this.count - 1) * this.ring.rowBytes
  }

  /**
   * First half, once per polynomial: the digits. The first is the first row itself, so the rows must stay until the second half is done.
   *
   * @param rows addresses of the source rows, coefficient domain
   * @returns for `select`, when several polynomials take turns
   */
  prepare(rows: readonly number[], scratch: number): readonly number[] {
    const { ring, count } = this
    const { kernel } = ring
    const digits = new Uint32Array(kernel.memory.buffer, this.#memory, count)
    digits[0] = rows[0]!
    for (let i = 1; i < count; i++) {
      const to = scratch + (i - 1) * ring.rowBytes
      kernel.exports.mixedRadixDigit(to, rows[i]!, this.#memory, i, this.#garner(i), ring.N, ring.block(this.source[i]!))
      digits[i] = to
    }
    return [...digits]
  }

  /** Goes on with a polynomial prepared before. */
  select(prepared: readonly number[]): void {
    new Uint32Array(this.ring.kernel.memory.buffer, this.#memory, this.count).set(prepared)
  }

  /** Second half, per target: x mod the modulus `target` into the row at `out`, balanced. */
  extend(out: number, target: number): void {
    this.#combine(out, target, true)
  }

  /**
   * Second half for a row that is transformed next, which takes numbers up to 2^50: nothing is computed that need not be.
   *
   * @param scratch row that may be written
   * @returns the address of the residues: `scratch`, or the source row itself
   */
  extendForTransform(scratch: number, target: number): number {
    const { ring, count } = this
    const first = ring.moduli[this.source[0]!]!.number / 2
    const small = first + (count - 1) * TERM_BOUND * ring.moduli[target]!.number <= FORWARD_INPUT_BOUND
    if (small && count === 1) return new Uint32Array(ring.kernel.memory.buffer, this.#memory, 1)[0]!
    this.#combine(scratch, target, !small)
    return scratch
  }

  /** Second half: x itself, rounded to doubles, into the row at `out`. */
  value(out: number): void {
    this.ring.kernel.exports.mixedRadixValue(out, this.#memory, this.count, this.#moduliAddress, this.ring.N)
  }

  /** Q^-1 modulo another modulus of the ring. */
  inverse(target: number): Constant {
    const known = this.#inverses[target]
    if (known) return known
    const constant = constantOf(this.ring, invertModulo(this.product, this.ring.moduli[target]!.value), target)
    this.#inverses[target] = constant
    return constant
  }

  #combine(out: number, target: number, balanced: boolean): void {
    const { ring, count } = this
    const weights = this.#weightsAddress + target * 16 * (count - 1)
    if (!this.#ready[target]) {
      writeConstants(ring, weights, this.#units, target)
      this.#ready[target] = true
    }
    ring.kernel.exports.combineRows(out, this.#memory, count, weights, ring.N, ring.block(target), Number(balanced))
  }

  /** Address of the constants of digit i: i of them. */
  #garner(i: number): number {
    return this.#garnerAddress + 8 * i * (i - 1)
  }
}
