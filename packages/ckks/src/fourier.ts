/**
 * The canonical embedding of real polynomials of degree < N, evaluated at the N/2 roots that carry the slots.
 *
 * With ζ = exp(πi/N) slot k belongs to the root ζ^(3^k). Of each conjugate pair of roots exactly one has an exponent ≡ 1 mod 4; there X^(N/2) = i, so
 * the real polynomial folds into w_j = m_j + i·m_{j+n}, n = N/2, and
 *
 *   m(ζ^(4t+1)) = Σ_{j<n} (w_j·ζ^j)·exp(2πi·j·t/n) ,
 *
 * a twist and a complex DFT of length n. A slot whose exponent is ≡ 3 mod 4 takes the conjugate of its partner. The DFT is decimation in frequency
 * towards the slots and decimation in time back (`Ring.fromSlots`), so that neither direction permutes: the bit reversal is folded into the slot table.
 */

import { type EmbeddingTables, embeddingTables } from '@slytherin/ring'

export interface ComplexVector {
  real: Float64Array
  imaginary: Float64Array
}

/** From polynomials with real coefficients to vectors of N/2 complex slots, by a Fourier transform at the odd powers of a 2N-th root of unity. The ring has the way back. */
export class CanonicalEmbedding {
  readonly slots: number
  private readonly tables: EmbeddingTables
  private readonly workReal: Float64Array
  private readonly workImaginary: Float64Array

  constructor(readonly N: number) {
    const n = N / 2
    this.slots = n
    this.tables = embeddingTables(N)
    this.workReal = new Float64Array(n)
    this.workImaginary = new Float64Array(n)
  }

  /** Coefficients (N of them) to slots, each multiplied by `factor`. */
  evaluate(coefficients: Float64Array, factor: number): ComplexVector {
    const { slots: n, workReal, workImaginary } = this
    const { position, sign, twistReal, twistImaginary } = this.tables
    for (let j = 0; j < n; j++) {
      const c = twistReal[j]! * factor
      const s = twistImaginary[j]! * factor
      const x = coefficients[j]!
      const y = coefficients[j + n]!
      workReal[j] = x * c - y * s
      workImaginary[j] = x * s + y * c
    }
    this.forward(workReal, workImaginary)
    const real = new Float64Array(n)
    const imaginary = new Float64Array(n)
    for (let k = 0; k < n; k++) {
      const at = position[k]!
      real[k] = workReal[at]!
      imaginary[k] = workImaginary[at]! * sign[k]!
    }
    return { real, imaginary }
  }

  /** Wipes the scratch vectors, which hold the last message. */
  wipe(): void {
    this.workReal.fill(0)
    this.workImaginary.fill(0)
  }

  /** DFT with exp(+2πi·jt/n), natural order in, bit-reversed out. */
  private forward(re: Float64Array, im: Float64Array): void {
    const n = this.slots
    const { rootsReal, rootsImaginary } = this.tables
    for (let half = n >> 1, stride = 1; half >= 1; half >>= 1, stride <<= 1) {
      for (let start = 0; start < n; start += 2 * half) {
        for (let j = 0, k = 0; j < half; j++, k += stride) {
          const a = start + j
          const b = a + half
          const wr = rootsReal[k]!
          const wi = rootsImaginary[k]!
          const ar = re[a]!
          const ai = im[a]!
          const br = re[b]!
          const bi = im[b]!
          re[a] = ar + br
          im[a] = ai + bi
          const dr = ar - br
          const di = ai - bi
          re[b] = dr * wr - di * wi
          im[b] = dr * wi + di * wr
        }
      }
    }
  }
}
