/** C1 as it travels with a provable encryption, in place of c1: packed residues modulo q_0 … q_l and p, coefficient domain. */
import { type Context, encryptionIndices } from '@slytherin/ckks'
import { LengthMismatchError, type Polynomial, ResidueRangeError } from '@slytherin/ring'
import { MalformedProofError } from './errors.js'

/** Length of `encodeUndivided`, bytes. */
export function undividedLength(context: Context, level: number): number {
  return context.ring.packedLength(encryptionIndices(context.parameters, level))
}

/** C1 of a provable encryption as packed residues. */
export function encodeUndivided(context: Context, undivided: Polynomial): Uint8Array {
  return context.ring.encodePacked(undivided)
}

/** @throws MalformedProofError unless the bytes are exactly a polynomial for that level with residues below their primes */
export function decodeUndivided(context: Context, bytes: Uint8Array, level: number): Polynomial {
  const { ring, parameters } = context
  const length = undividedLength(context, level)
  if (bytes.length !== length) throw new MalformedProofError('C1 length', length, bytes.length)
  try {
    return ring.decodePacked(bytes, encryptionIndices(parameters, level), 'coefficient')
  } catch (error) {
    if (error instanceof ResidueRangeError || error instanceof LengthMismatchError) {
      throw new MalformedProofError('C1', 'residues below their primes', error.message)
    }
    throw error
  }
}
