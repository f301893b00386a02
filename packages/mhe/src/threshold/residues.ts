/** Arithmetic of single residues modulo the primes of a ring, for constants: one bigint per prime, in [0, q). */
import { deriveSeed, type Modulus, powerModulo } from '@slytherin/ring'

/** One residue per modulus. */
export type Residues = readonly bigint[]

/** -log2 of the probability that shares on no polynomial pass (consistency.ts). */
export const CONSISTENCY_BITS = 128

const WORD_BYTES = 8

/** K: how many uniform residues modulo the smallest prime are foreseen with probability 2^-128 at most. */
export function fingerprintCount(moduli: readonly Modulus[]): number {
  return Math.ceil(CONSISTENCY_BITS / Math.min(...moduli.map(({ log2 }) => log2)))
}

/** Horner's rule. @param coefficients of X^0, X^1, …, one at least */
export function evaluate(moduli: readonly Modulus[], coefficients: readonly Residues[], point: number): Residues {
  const x = BigInt(point)
  return moduli.map(({ value: q }, row) => coefficients.reduceRight((sum, coefficient) => (sum * x + coefficient[row]!) % q, 0n))
}

/** Element by element. */
export function addResidues(moduli: readonly Modulus[], a: readonly Residues[], b: readonly Residues[]): Residues[] {
  return a.map((residues, k) => moduli.map(({ value: q }, row) => (residues[row]! + b[k]![row]!) % q))
}

/** Σ_l a_l·b_l. */
export function sumOfProducts(moduli: readonly Modulus[], a: readonly Residues[], b: readonly Residues[]): Residues {
  return moduli.map(({ value: q }, row) => a.reduce((sum, residues, l) => (sum + residues[row]! * b[l]![row]!) % q, 0n))
}

/** numerator / denominator. @param denominator prime to every modulus */
export function quotient(moduli: readonly Modulus[], numerator: bigint, denominator: bigint): Residues {
  return moduli.map(({ value: q }) => modulo(numerator * powerModulo(modulo(denominator, q), q - 2n, q), q))
}

/** Uniform, by rejection: SHA-256 of (seed, labels, row, try) cut to the bits of the prime. @param seed secret or public, for this alone */
export function uniformResidues(moduli: readonly Modulus[], seed: Uint8Array, ...labels: readonly (string | number)[]): Residues {
  return moduli.map(({ value: q, bits }, row) => {
    for (let attempt = 0; ; attempt++) {
      const hash = deriveSeed(seed, ...labels, row, attempt)
      const word = BigInt.asUintN(bits, new DataView(hash.buffer, hash.byteOffset).getBigUint64(0, true))
      if (word < q) return word
    }
  })
}

/** Bytes of `writeResidues`. */
export const residuesLength = (moduli: readonly Modulus[], count: number): number => WORD_BYTES * moduli.length * count

/** Eight bytes each, little-endian. */
export function writeResidues(out: Uint8Array, offset: number, all: readonly Residues[]): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength)
  let at = offset
  for (const residue of all.flat()) {
    view.setBigUint64(at, residue, true)
    at += WORD_BYTES
  }
}

/** @param refuse called, to throw, with the position of a residue that is not below its prime */
export function readResidues(
  moduli: readonly Modulus[],
  bytes: Uint8Array,
  offset: number,
  count: number,
  refuse: (position: number) => never
): Residues[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: count }, (_, k) =>
    moduli.map(({ value: q }, row) => {
      const position = k * moduli.length + row
      const residue = view.getBigUint64(offset + WORD_BYTES * position, true)
      return residue < q ? residue : refuse(position)
    })
  )
}

const modulo = (x: bigint, q: bigint): bigint => ((x % q) + q) % q
