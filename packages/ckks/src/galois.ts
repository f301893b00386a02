/**
 * Galois elements. The automorphism X → X^g permutes the slots: g = 3^r mod 2N rotates them left by r (slot i takes the value of slot i + r), and
 * g = 2N - 1 conjugates them. This is SEAL's convention (generator 3).
 */
import { InvalidGaloisElementError } from './errors.js'

/** Generator of the slot rotations. */
export const SLOT_GENERATOR = 3

/** The Galois element that rotates the slots to the left. @param rotation any integer; negative rotates right; taken modulo N / 2 */
export function galoisElementOf(rotation: number, N: number): number {
  if (!Number.isInteger(rotation)) throw new RangeError(`a rotation is an integer, got ${rotation}`)
  const slots = N / 2
  let exponent = ((rotation % slots) + slots) % slots
  const mask = 2 * N - 1
  let square = SLOT_GENERATOR
  let element = 1
  // N ≤ 2^17: the products stay below 2^36, but a bitwise and would truncate to 32 bits, hence the remainder
  while (exponent > 0) {
    if (exponent % 2 === 1) element = (element * square) % (mask + 1)
    square = (square * square) % (mask + 1)
    exponent = Math.floor(exponent / 2)
  }
  return element
}

/** The element of complex conjugation of the slots. */
export function conjugationElement(N: number): number {
  return 2 * N - 1
}

/** @throws InvalidGaloisElementError */
export function checkGaloisElement(element: number, N: number): void {
  if (!Number.isInteger(element) || element < 1 || element > 2 * N - 1 || element % 2 === 0) throw new InvalidGaloisElementError(element, N)
}
