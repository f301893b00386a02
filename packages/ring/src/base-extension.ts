/**
 * Exact centred base extension (eprint 2018/117, with the quotient in floating point): for x given by residues x_i modulo q_i, Q = Πq_i,
 *
 *   y_i = [x_i·(Q/q_i)^-1]_{q_i}  balanced        v = round(Σ y_i/q_i)        x = Σ y_i·(Q/q_i) - v·Q
 *
 * is the representative with |x| <= Q/2, reduced modulo any other prime. The quotient is wrong only when |x| is within Q·2^-50 of Q/2,
 * and then the result is x ± Q, the same in every row.
 */

import { balance, invertModulo } from './modulus.js'
import type { Ring } from './ring.js'

/** A constant and its quotient by the modulus, as kernel functions take it. */
export interface Constant {
  readonly w: number
  readonly ratio: number
}

/** The constants of one source basis; those of a target are made when first used. */
export class BaseExtension {
  /** Product of the source moduli. */
  readonly product: bigint
  readonly count: number
  readonly #scales: readonly Constant[]
  /** Kernel memory: addresses of the rows (u32), reciprocals (f64), then per target modulus count + 1 weights of 16 bytes. */
  readonly #memory: number
  readonly #rowsAddress: number
  readonly #reciprocalsAddress: number
  readonly #weightsAddress: number
  readonly #ready: boolean[]
  readonly #inverses: (Constant | undefined)[] = []

  constructor(
    private readonly ring: Ring,
    readonly source: readonly number[]
  ) {
    const { kernel, moduli } = ring
    const count = source.length
    this.count = count
    this.product = source.reduce((product, index) => product * moduli[index]!.value, 1n)
    this.#scales = source.map(index => {
      const q = moduli[index]!.value
      return this.#constant(invertModulo(this.product / q, q), index)
    })
    const rowsBytes = Math.ceil((4 * (count + 1)) / 64) * 64
    const reciprocalsBytes = Math.ceil((8 * count) / 64) * 64
    this.#memory = kernel.arena.allocate(rowsBytes + reciprocalsBytes + moduli.length * 16 * (count + 1))
    this.#rowsAddress = this.#memory
    this.#reciprocalsAddress = this.#memory + rowsBytes
    this.#weightsAddress = this.#reciprocalsAddress + reciprocalsBytes
    this.#ready = moduli.map(() => false)
    kernel.doubles(this.#reciprocalsAddress, count).set(source.map(index => 1 / moduli[index]!.number))
  }

  dispose(): void {
    this.ring.kernel.arena.release(this.#memory)
  }

  /** Bytes of scratch `prepare` needs. */
  get scratchBytes(): number {
    return this.count === 1 ? 0 : (this.count + 1) * this.ring.rowBytes
  }

  /**
   * First half, once per polynomial: y_i and v into `scratch`.
   *
   * @param rows addresses of the source rows, coefficient domain
   */
  prepare(rows: readonly number[], scratch: number): void {
    const { ring, count } = this
    const { exports } = ring.kernel
    const table = new Uint32Array(ring.kernel.memory.buffer, this.#rowsAddress, count + 1)
    if (count === 1) {
      table[0] = rows[0]!
      return
    }
    for (let k = 0; k < count; k++) {
      const to = scratch + k * ring.rowBytes
      const scale = this.#scales[k]!
      exports.multiplyConstantLazyRow(to, rows[k]!, ring.N, scale.w, scale.ratio, ring.block(this.source[k]!))
      table[k] = to
    }
    const quotient = scratch + count * ring.rowBytes
    table[count] = quotient
    exports.quotientRow(quotient, this.#rowsAddress, count, this.#reciprocalsAddress, ring.N, ring.block(this.source[0]!))
  }

  /** Second half, per target: x mod the modulus `target` into the row at `out`, balanced. */
  extend(out: number, target: number): void {
    const { ring } = this
    const { exports } = ring.kernel
    if (this.count === 1) exports.reduceRow(out, this.#onlyRow(), ring.N, ring.block(target))
    else exports.extendRows(out, this.#rowsAddress, this.count, this.#weights(target), ring.N, ring.block(target), 1)
  }

  /**
   * Second half for a row that is transformed next, which takes residues up to 2q: nothing is computed that need not be.
   *
   * @param scratch row that may be written
   * @returns the address of the residues: `scratch`, or the source row itself
   */
  extendForTransform(scratch: number, target: number): number {
    const { ring, count } = this
    if (count === 1) {
      // |x| <= q_source/2 <= 2·q_target
      if (ring.moduli[this.source[0]!]!.number <= 4 * ring.moduli[target]!.number) return this.#onlyRow()
      this.extend(scratch, target)
      return scratch
    }
    ring.kernel.exports.extendRows(
      scratch,
      this.#rowsAddress,
      count,
      this.#weights(target),
      ring.N,
      ring.block(target),
      count === 2 ? 0 : 1
    )
    return scratch
  }

  #onlyRow(): number {
    return new Uint32Array(this.ring.kernel.memory.buffer, this.#rowsAddress, 1)[0]!
  }

  /** Q^-1 modulo another modulus of the ring. */
  inverse(target: number): Constant {
    const known = this.#inverses[target]
    if (known) return known
    const constant = this.#constant(invertModulo(this.product, this.ring.moduli[target]!.value), target)
    this.#inverses[target] = constant
    return constant
  }

  #constant(x: bigint, index: number): Constant {
    const modulus = this.ring.moduli[index]!
    const w = balance(x, modulus.value)
    return { w, ratio: w / modulus.number }
  }

  #weights(target: number): number {
    const address = this.#weightsAddress + target * 16 * (this.count + 1)
    if (!this.#ready[target]) {
      const values = this.source.map(index => this.product / this.ring.moduli[index]!.value)
      values.push(-this.product)
      this.ring.kernel.doubles(address, 2 * values.length).set(
        values.flatMap(value => {
          const { w, ratio } = this.#constant(value, target)
          return [w, ratio]
        })
      )
      this.#ready[target] = true
    }
    return address
  }
}
