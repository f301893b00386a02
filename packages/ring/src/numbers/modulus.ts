/** A prime modulus q < 2^49 and the small amount of BigInt arithmetic that constants need. */

/** Residues are exact in doubles and lazy sums stay exact up to this size (see assembly/arithmetic.ts). */
export const MAXIMUM_MODULUS_BITS = 49

/** One prime of a residue number system. */
export class Modulus {
  readonly number: number
  /** ⌈log2 q⌉, the bits of a packed residue. */
  readonly bits: number
  readonly log2: number

  constructor(readonly value: bigint) {
    this.number = Number(value)
    this.bits = (value - 1n).toString(2).length
    this.log2 = Math.log2(this.number)
  }
}

/** The balanced representative of x modulo an odd q, as a double. */
export function balance(x: bigint, q: bigint): number {
  const r = ((x % q) + q) % q
  return Number(r > q >> 1n ? r - q : r)
}

/** base^exponent mod modulus, exponent >= 0. */
export function powerModulo(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  let square = base % modulus
  for (let e = exponent; e > 0n; e >>= 1n) {
    if (e & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

/** Inverse modulo a prime. */
export function invertModulo(x: bigint, prime: bigint): bigint {
  return powerModulo(((x % prime) + prime) % prime, prime - 2n, prime)
}
