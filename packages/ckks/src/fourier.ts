/**
 * The canonical embedding of real polynomials of degree < N, evaluated at the N/2 roots that carry the slots.
 *
 * With ζ = exp(πi/N) slot k belongs to the root ζ^(3^k). Of each conjugate pair of roots exactly one has an exponent ≡ 1 mod 4; there X^(N/2) = i, so
 * the real polynomial folds into w_j = m_j + i·m_{j+n}, n = N/2, and
 *
 *   m(ζ^(4t+1)) = Σ_{j<n} (w_j·ζ^j)·exp(2πi·j·t/n) ,
 *
 * a twist and a complex DFT of length n. A slot whose exponent is ≡ 3 mod 4 takes the conjugate of its partner. The DFT is decimation in frequency
 * towards the slots and decimation in time back, so that neither direction permutes: the bit reversal is folded into the slot table.
 */

export interface ComplexVector {
  real: Float64Array
  imaginary: Float64Array
}

/** Between vectors of N/2 complex slots and polynomials with real coefficients, by a Fourier transform at the odd powers of a 2N-th root of unity. */
export class CanonicalEmbedding {
  readonly slots: number
  /** exp(2πi·k/n) for k < n. */
  private readonly rootsReal: Float64Array
  private readonly rootsImaginary: Float64Array
  /** ζ^j for j < n. */
  private readonly twistReal: Float64Array
  private readonly twistImaginary: Float64Array
  /** Where slot k lies in the transform's order. */
  private readonly position: Uint32Array
  /** -1 where slot k is the conjugate of that place, else 1. */
  private readonly sign: Int8Array
  private readonly workReal: Float64Array
  private readonly workImaginary: Float64Array

  constructor(readonly N: number) {
    const n = N / 2
    this.slots = n
    this.rootsReal = new Float64Array(n)
    this.rootsImaginary = new Float64Array(n)
    this.twistReal = new Float64Array(n)
    this.twistImaginary = new Float64Array(n)
    for (let k = 0; k < n; k++) {
      ;[this.rootsReal[k], this.rootsImaginary[k]] = rootOfUnity(4 * k, 2 * N)
      ;[this.twistReal[k], this.twistImaginary[k]] = rootOfUnity(k, 2 * N)
    }
    this.position = new Uint32Array(n)
    this.sign = new Int8Array(n)
    const bits = Math.log2(n)
    let exponent = 1
    for (let k = 0; k < n; k++) {
      const conjugated = exponent % 4 === 3
      const t = ((conjugated ? 2 * N - exponent : exponent) - 1) / 4
      this.position[k] = reverseBits(t, bits)
      this.sign[k] = conjugated ? -1 : 1
      exponent = (exponent * 3) % (2 * N)
    }
    this.workReal = new Float64Array(n)
    this.workImaginary = new Float64Array(n)
  }

  /**
   * Slots to coefficients (not rounded).
   * @param real at most n values, as `imaginary`; missing ones count as 0
   * @param scale multiplies every coefficient
   * @returns a new array of N coefficients
   */
  interpolate(real: Float64Array, imaginary: Float64Array | undefined, scale: number): Float64Array {
    const { slots: n, workReal, workImaginary, position, sign } = this
    workReal.fill(0)
    workImaginary.fill(0)
    for (let k = 0; k < real.length; k++) workReal[position[k]!] = real[k]!
    if (imaginary !== undefined) {
      for (let k = 0; k < imaginary.length; k++) workImaginary[position[k]!] = imaginary[k]! * sign[k]!
    }
    this.inverse(workReal, workImaginary)
    const coefficients = new Float64Array(2 * n)
    const factor = scale / n
    for (let j = 0; j < n; j++) {
      const c = this.twistReal[j]!
      const s = this.twistImaginary[j]!
      const x = workReal[j]!
      const y = workImaginary[j]!
      coefficients[j] = (x * c + y * s) * factor
      coefficients[j + n] = (y * c - x * s) * factor
    }
    return coefficients
  }

  /** Coefficients (N of them) to slots, each multiplied by `factor`. */
  evaluate(coefficients: Float64Array, factor: number): ComplexVector {
    const { slots: n, workReal, workImaginary, position, sign } = this
    for (let j = 0; j < n; j++) {
      const c = this.twistReal[j]! * factor
      const s = this.twistImaginary[j]! * factor
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
    const { rootsReal, rootsImaginary } = this
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

  /** n times the inverse of `forward`: bit-reversed in, natural order out. */
  private inverse(re: Float64Array, im: Float64Array): void {
    const n = this.slots
    const { rootsReal, rootsImaginary } = this
    for (let half = 1, stride = n >> 1; half < n; half <<= 1, stride >>= 1) {
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
  }
}

/** exp(2πi·k/m) for m divisible by 8, by reduction to the first octant: symmetric points come out exactly symmetric. */
function rootOfUnity(k: number, m: number): [number, number] {
  const octant = Math.floor((8 * k) / m)
  const angle = (r: number) => (2 * Math.PI * r) / m
  switch (octant % 8) {
    case 0:
      return [Math.cos(angle(k)), Math.sin(angle(k))]
    case 1:
      return [Math.sin(angle(m / 4 - k)), Math.cos(angle(m / 4 - k))]
    case 2:
      return [-Math.sin(angle(k - m / 4)), Math.cos(angle(k - m / 4))]
    case 3:
      return [-Math.cos(angle(m / 2 - k)), Math.sin(angle(m / 2 - k))]
    case 4:
      return [-Math.cos(angle(k - m / 2)), -Math.sin(angle(k - m / 2))]
    case 5:
      return [-Math.sin(angle((3 * m) / 4 - k)), -Math.cos(angle((3 * m) / 4 - k))]
    case 6:
      return [Math.sin(angle(k - (3 * m) / 4)), -Math.cos(angle(k - (3 * m) / 4))]
    default:
      return [Math.cos(angle(m - k)), -Math.sin(angle(m - k))]
  }
}

function reverseBits(value: number, bits: number): number {
  let result = 0
  for (let b = 0; b < bits; b++) {
    result = result * 2 + (value & 1)
    value >>= 1
  }
  return result
}
