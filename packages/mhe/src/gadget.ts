/**
 * Gadget of the hybrid key switch (eprint 2020/304 section 3; with α = 1 Microsoft SEAL's).
 *
 * Ciphertext primes are grouped in digits of α primes. The gadget element of digit j satisfies
 *
 *   P·g_j ≡ P mod q_i   for the primes q_i of digit j,      P·g_j ≡ 0   modulo every other prime and every special prime
 *
 * A key for level l is the same over q_0 … q_l and the special primes: its digits are those of level l, its size falls with the square of l + 1.
 */
import type { Context, Parameters } from '@slytherin/ckks'
import type { Polynomial, Ring } from '@slytherin/ring'
import { InvalidShareRequestError } from './errors.js'
import type { Scratch } from './scratch.js'

/** @throws InvalidShareRequestError unless it is a level of the parameters */
export function checkKeyLevel(parameters: Parameters, protocol: string, level: number): void {
  if (!Number.isInteger(level) || level < 0 || level > parameters.maxLevel) {
    throw new InvalidShareRequestError(protocol, 'level', `0 to ${parameters.maxLevel}`, level)
  }
}

/** The instance from which a key's reference polynomials are drawn: keys for different levels share none. */
export function referenceInstance(instance: string, level: number): string {
  return `${instance}/${level}`
}

/** P·s over the ciphertext primes of a level, NTT form: digit j of the gadget product is its rows of digit j. */
export function timesSpecialModulus(context: Context, secret: Polynomial, level: number, scratch: Scratch): Polynomial {
  const { parameters, ring } = context
  const product = parameters.specialPrimes.reduce((value, prime) => value * prime.value, 1n)
  const out = scratch.allocate(parameters.ciphertextIndices(level), 'ntt')
  return ring.multiplyScalar(out, secret, product)
}

/** `out += addend` on the rows of the moduli `indices` only; the other rows of `out` stay as they are. */
export function addOnRows(ring: Ring, out: Polynomial, addend: Polynomial, indices: readonly number[], scratch: Scratch): void {
  const part = scratch.allocate(indices, out.domain)
  ring.add(part, out, addend)
  indices.forEach((index, k) => {
    out.row(out.indices.indexOf(index)).set(part.row(k))
  })
}
