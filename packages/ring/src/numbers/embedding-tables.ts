/**
 * Constants of the canonical embedding of real polynomials of degree < N, evaluated at the N/2 roots that carry the slots, in SEAL's order (generator 3, conjugate slots at
 * the inverse exponents).
 */

import { reverseBits } from './order.js'

/** Tables of n = N/2 entries. */
export interface EmbeddingTables {
  /** exp(2πi·k/n) */
  readonly rootsReal: Float64Array
  readonly rootsImaginary: Float64Array
  /** exp(πi·j/N) */
  readonly twistReal: Float64Array
  readonly twistImaginary: Float64Array
  /** Where slot k lies in the transform's order. */
  readonly position: Uint32Array
  /** -1 where slot k is the conjugate of that place, else 1. */
  readonly sign: Int8Array
}

/** @param N a power of two, at least 8 */
export function embeddingTables(N: number): EmbeddingTables {
  const n = N / 2
  const blank = (): Float64Array => new Float64Array(n)
  const [rootsReal, rootsImaginary, twistReal, twistImaginary] = [blank(), blank(), blank(), blank()]
  for (let k = 0; k < n; k++) {
    ;[rootsReal[k], rootsImaginary[k]] = rootOfUnity(4 * k, 2 * N)
    ;[twistReal[k], twistImaginary[k]] = rootOfUnity(k, 2 * N)
  }
  const position = new Uint32Array(n)
  const sign = new Int8Array(n)
  const bits = Math.log2(n)
  let exponent = 1
  for (let k = 0; k < n; k++) {
    const conjugated = exponent % 4 === 3
    position[k] = reverseBits(((conjugated ? 2 * N - exponent : exponent) - 1) / 4, bits)
    sign[k] = conjugated ? -1 : 1
    exponent = (exponent * 3) % (2 * N)
  }
  return { rootsReal, rootsImaginary, twistReal, twistImaginary, position, sign }
}

/** exp(2πi·k/m) for m divisible by 8, by reduction to the first octant: symmetric points come out exactly symmetric. */
function rootOfUnity(k: number, m: number): [number, number] {
  if (2 * k >= m) {
    const [x, y] = rootOfUnity(k - m / 2, m)
    return [-x, -y]
  }
  if (4 * k >= m) {
    const [x, y] = rootOfUnity(k - m / 4, m)
    return [-y, x]
  }
  const upper = 8 * k >= m
  const angle = (2 * Math.PI * (upper ? m / 4 - k : k)) / m
  return upper ? [Math.sin(angle), Math.cos(angle)] : [Math.cos(angle), Math.sin(angle)]
}
