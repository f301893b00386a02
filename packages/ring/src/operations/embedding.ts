/** Slots into polynomials: the inverse of the canonical embedding, in doubles. */

import { InvalidArgumentError, LengthMismatchError } from '../errors.js'
import { embeddingTables } from '../numbers/embedding-tables.js'
import { checkOperand } from '../structure/checks.js'
import { COST } from '../structure/cost.js'
import type { Polynomial } from '../structure/polynomial.js'
import type { RingStructure } from '../structure/ring-structure.js'
import { reduceIntegers, WIDE_LIMIT } from './basis-change.js'

/** At most N/2 values each. */
export interface ComplexSlots {
  readonly real: Float64Array
  readonly imaginary?: Float64Array | undefined
}

/** Doubles beside the real and imaginary parts that the transform works on. */
const WORK_PADDING = 32

/** The tables of a ring in its memory (assembly/embedding.ts). */
class Tables implements Disposable {
  readonly address: number

  constructor(private readonly ring: RingStructure) {
    const { kernel, N } = ring
    const n = N / 2
    const { position, sign, rootsReal, rootsImaginary, twistReal, twistImaginary } = embeddingTables(N)
    this.address = kernel.arena.allocate(44 * n)
    const order = new Uint32Array(kernel.memory.buffer, this.address, n)
    const signs = kernel.doubles(this.address + 4 * n, n)
    position.forEach((place, slot) => {
      order[place] = 8 * slot
      signs[place] = sign[slot]!
    })
    const roots = kernel.doubles(this.address + 12 * n, 2 * n)
    for (let half = 1; half < n; half *= 2) {
      for (let j = 0; j < half; j++) {
        roots[half + j] = rootsReal[(j * n) / (2 * half)]!
        roots[n + half + j] = rootsImaginary[(j * n) / (2 * half)]!
      }
    }
    kernel.doubles(this.address + 28 * n, n).set(twistReal)
    kernel.doubles(this.address + 36 * n, n).set(twistImaginary)
  }

  [Symbol.dispose](): void {
    this.ring.kernel.arena.release(this.address)
  }
}

const known = new WeakMap<RingStructure, Tables>()

function tablesOf(ring: RingStructure): Tables {
  const found = known.get(ring) ?? ring.keep(new Tables(ring))
  known.set(ring, found)
  return found
}

/** See Ring.fromSlots. @throws LengthMismatchError InvalidArgumentError */
export function fromSlots(ring: RingStructure, out: Polynomial, slots: ComplexSlots, scale: number, limit: number): number {
  checkOperand(ring, 'fromSlots', out, out)
  if (!(limit <= WIDE_LIMIT)) throw new InvalidArgumentError('limit', 'at most 2^98', limit)
  const { indices, domain } = out
  return interpolated(ring, slots, scale, (integers, largest) => {
    if (!(largest < limit)) return largest
    const cost = COST.product + (domain === 'ntt' ? COST.transform : 0)
    ring.forEachRow(indices, cost, (calls, index, k) => {
      const to = out.rowAddress(k)
      reduceIntegers(ring, calls, to, integers, ring.N, largest, index)
      if (domain === 'ntt') calls.forward(to, to, ring.block(index))
    })
    return largest
  })
}

/** See Ring.interpolate. @throws LengthMismatchError */
export function interpolate(ring: RingStructure, slots: ComplexSlots, scale: number): { coefficients: Float64Array; largest: number } {
  return interpolated(ring, slots, scale, (integers, largest) => ({
    coefficients: ring.kernel.doubles(integers, ring.N).slice(),
    largest
  }))
}

/** @param use is given the address of N integers, and the largest of their magnitudes; what they were made from and they are wiped afterwards */
function interpolated<T>(
  ring: RingStructure,
  { real, imaginary }: ComplexSlots,
  scale: number,
  use: (integers: number, largest: number) => T
): T {
  const { kernel, N } = ring
  const n = N / 2
  for (const values of [real, imaginary ?? real]) if (values.length > n) throw new LengthMismatchError('slots', n, values.length)
  const tables = tablesOf(ring)
  return kernel.withScratch(
    8 * (2 * N + WORK_PADDING),
    address => {
      const work = address + 8 * N
      place(kernel.doubles(address, n), real)
      if (imaginary !== undefined) place(kernel.doubles(address + 8 * n, n), imaginary)
      kernel.exports.interpolateSlots(address, address, imaginary === undefined ? 0 : address + 8 * n, work, tables.address, n, scale / n)
      return use(address, kernel.doubles(work, 1)[0]!)
    },
    true
  )
}

function place(to: Float64Array, values: Float64Array): void {
  to.set(values)
  to.fill(0, values.length)
}
