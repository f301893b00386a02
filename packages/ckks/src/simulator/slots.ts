/** Slot vectors in the clear, as the simulator computes on them. */
import { SLOT_GENERATOR } from '../galois.js'

export interface Slots {
  readonly real: Float64Array
  /** absent when all are zero */
  readonly imaginary?: Float64Array
}

/** Slot k is ζ^(3^k·exponent), ζ = exp(πi/N). */
export function monomialSlots(exponent: number, N: number): Slots {
  const real = new Float64Array(N / 2)
  const imaginary = new Float64Array(N / 2)
  for (let slot = 0, element = 1; slot < N / 2; slot++, element = (element * SLOT_GENERATOR) % (2 * N)) {
    const turn = (element * exponent) % (2 * N)
    // quarter turns come out exact
    const quarters = (2 * turn) / N
    const exact = Number.isInteger(quarters)
    real[slot] = exact ? [1, 0, -1, 0][quarters]! : Math.cos((Math.PI * turn) / N)
    imaginary[slot] = exact ? [0, 1, 0, -1][quarters]! : Math.sin((Math.PI * turn) / N)
  }
  return { real, imaginary }
}

export function combine(a: Slots, b: Slots, sign: 1 | -1): Slots {
  const real = a.real.map((value, slot) => value + sign * b.real[slot]!)
  if (!a.imaginary && !b.imaginary) return { real }
  return { real, imaginary: real.map((_, slot) => (a.imaginary?.[slot] ?? 0) + sign * (b.imaginary?.[slot] ?? 0)) }
}

export function product(a: Slots, b: Slots): Slots {
  const zero: Slots =
    a.imaginary || b.imaginary
      ? { real: new Float64Array(a.real.length), imaginary: new Float64Array(a.real.length) }
      : { real: new Float64Array(a.real.length) }
  let result = zero
  addProduct(zero, a, b, slots => {
    result = slots
  })
  return result
}

export function addProduct(sum: Slots, a: Slots, b: Slots, done: (slots: Slots) => void): void {
  const { real } = sum
  if (!a.imaginary && !b.imaginary) {
    for (let slot = 0; slot < real.length; slot++) real[slot]! += a.real[slot]! * b.real[slot]!
    done(sum)
    return
  }
  const imaginary = sum.imaginary ?? new Float64Array(real.length)
  for (let slot = 0; slot < real.length; slot++) {
    const [x, y] = [a.imaginary?.[slot] ?? 0, b.imaginary?.[slot] ?? 0]
    real[slot]! += a.real[slot]! * b.real[slot]! - x * y
    imaginary[slot]! += a.real[slot]! * y + x * b.real[slot]!
  }
  done({ real, imaginary })
}
