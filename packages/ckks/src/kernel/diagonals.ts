/**
 * A linear map of the slots by its generalised diagonals, split into baby and giant steps. With diag_d[i] = A[i][(i + d) mod n],
 *
 *   y = Σ_d diag_d ⊙ rot_d(x) = Σ_G rot_G( Σ_b rot_{-G}(diag_{G+b}) ⊙ rot_b(x) ),      d = G + b,  0 ≤ b < s,  s | G
 *
 * so D diagonals take about 2·√D rotations. Diagonals that are not given are zero and cost nothing.
 */
import type { SlotValues } from '../encoder.js'

/** How a linear map is divided into baby and giant steps. */
export interface DiagonalsOptions {
  /** s; by default the power of two with the least work, a giant step counted as `giantStepCost` baby steps. */
  babySteps?: number
  /** What a giant step (a rotation of its own) costs in baby steps (hoisted rotations). */
  giantStepCost?: number
}

/** One product of the map. */
export interface DiagonalTerm {
  /** b */
  readonly baby: number
  /** rot_{-G}(diag_{G+b}). */
  readonly values: SlotValues
}

/** Measured: hoisted rotations cost a third to a half of a full one. */
const GIANT_STEP_COST = 2.5

/** A linear map of the slots by its diagonals, divided into baby and giant steps. */
export class Diagonals {
  readonly babySteps: number
  /** By giant step G, ascending; the terms of each by baby step. */
  readonly giants: ReadonlyMap<number, readonly DiagonalTerm[]>
  /** The largest Σ_d |diag_d[i]| over the slots i: how much the map can enlarge a slot. */
  readonly growth: number

  /**
   * @param slots n
   * @param diagonals by d, taken modulo n; at most n values each, missing ones 0
   * @throws RangeError when there is no diagonal, one is given twice, or one is too long
   */
  constructor(
    readonly slots: number,
    diagonals: ReadonlyMap<number, SlotValues>,
    options: DiagonalsOptions = {}
  ) {
    const byOffset = new Map<number, SlotValues>()
    for (const [offset, values] of diagonals) {
      if (!Number.isInteger(offset)) throw new RangeError(`a diagonal's offset is an integer, got ${offset}`)
      const d = modulo(offset, slots)
      if (byOffset.has(d)) throw new RangeError(`diagonal ${d} is given twice`)
      const { real, imaginary } = parts(values)
      if (Math.max(real.length, imaginary?.length ?? 0) > slots) throw new RangeError(`diagonal ${d} has more than ${slots} values`)
      byOffset.set(d, values)
    }
    if (byOffset.size === 0) throw new RangeError('a linear map needs at least one diagonal')
    const offsets = [...byOffset.keys()].sort((a, b) => a - b)
    this.babySteps = options.babySteps ?? bestBabySteps(offsets, slots, options.giantStepCost ?? GIANT_STEP_COST)
    if (!Number.isInteger(this.babySteps) || this.babySteps < 1) {
      throw new RangeError(`the number of baby steps is a positive integer, got ${this.babySteps}`)
    }
    const giants = new Map<number, DiagonalTerm[]>()
    for (const d of offsets) {
      const baby = d % this.babySteps
      const giant = d - baby
      const terms = giants.get(giant) ?? []
      giants.set(giant, terms)
      terms.push({ baby, values: rotateRight(byOffset.get(d)!, giant, slots) })
    }
    this.giants = giants
    this.growth = growthOf(byOffset.values(), slots)
  }

  /** Baby steps that occur, ascending. */
  get babies(): number[] {
    return [...new Set([...this.giants.values()].flatMap(terms => terms.map(({ baby }) => baby)))].sort((a, b) => a - b)
  }

  /** The rotations whose Galois keys are needed, ascending. */
  get rotations(): number[] {
    return [...new Set([...this.babies, ...this.giants.keys()])].filter(step => step !== 0).sort((a, b) => a - b)
  }
}

function bestBabySteps(offsets: readonly number[], slots: number, giantStepCost: number): number {
  let best = 1
  let least = Number.POSITIVE_INFINITY
  for (let babySteps = 1; babySteps <= slots; babySteps *= 2) {
    const babies = new Set(offsets.map(d => d % babySteps)).size
    const giants = new Set(offsets.map(d => d - (d % babySteps))).size
    const cost = babies + giantStepCost * giants
    if (cost < least) {
      least = cost
      best = babySteps
    }
  }
  return best
}

function parts(values: SlotValues): { real: Float64Array; imaginary: Float64Array | undefined } {
  return values instanceof Float64Array ? { real: values, imaginary: undefined } : values
}

function rotateRight(values: SlotValues, steps: number, slots: number): SlotValues {
  if (steps === 0) return values
  const rotate = (from: Float64Array): Float64Array => {
    const full = new Float64Array(slots)
    full.set(from)
    const to = new Float64Array(slots)
    to.set(full.subarray(0, slots - steps), steps)
    to.set(full.subarray(slots - steps))
    return to
  }
  const { real, imaginary } = parts(values)
  return imaginary === undefined ? rotate(real) : { real: rotate(real), imaginary: rotate(imaginary) }
}

function growthOf(diagonals: Iterable<SlotValues>, slots: number): number {
  const sums = new Float64Array(slots)
  for (const values of diagonals) {
    const { real, imaginary } = parts(values)
    for (let i = 0; i < Math.max(real.length, imaginary?.length ?? 0); i++) sums[i]! += Math.hypot(real[i] ?? 0, imaginary?.[i] ?? 0)
  }
  return sums.reduce((largest, sum) => Math.max(largest, sum), 0)
}

function modulo(x: number, n: number): number {
  return ((x % n) + n) % n
}
