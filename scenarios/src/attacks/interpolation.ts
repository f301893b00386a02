/** Slots to coefficients without a kernel: the transform of `Ring.interpolate`, not rounded. */
import type { ComplexVector } from '@slytherin/ckks'
import { embeddingTables } from '@slytherin/ring'

/** @returns the N coefficients of the real polynomial with N/2 slots */
export function interpolator(N: number): (slots: ComplexVector) => Float64Array {
  const n = N / 2
  const { position, sign, rootsReal, rootsImaginary, twistReal, twistImaginary } = embeddingTables(N)
  return ({ real, imaginary }) => {
    const re = new Float64Array(n)
    const im = new Float64Array(n)
    for (let k = 0; k < n; k++) {
      re[position[k]!] = real[k]!
      im[position[k]!] = imaginary[k]! * sign[k]!
    }
    for (let half = 1, stride = n >> 1; half < n; half *= 2, stride >>= 1) {
      for (let start = 0; start < n; start += 2 * half) {
        for (let j = 0, k = 0; j < half; j++, k += stride) {
          const a = start + j
          const b = a + half
          const wr = rootsReal[k]!
          const wi = rootsImaginary[k]!
          const br = re[b]! * wr + im[b]! * wi
          const bi = im[b]! * wr - re[b]! * wi
          const ar = re[a]!
          const ai = im[a]!
          re[a] = ar + br
          im[a] = ai + bi
          re[b] = ar - br
          im[b] = ai - bi
        }
      }
    }
    const coefficients = new Float64Array(N)
    for (let j = 0; j < n; j++) {
      coefficients[j] = (re[j]! * twistReal[j]! + im[j]! * twistImaginary[j]!) / n
      coefficients[j + n] = (im[j]! * twistReal[j]! - re[j]! * twistImaginary[j]!) / n
    }
    return coefficients
  }
}
