/**
 * What a public-key encryption is made of, for who makes it and for who proves or checks that it is one.
 *
 *   C1 = a·u + e1 modulo Q_l·p        c1 = ⌊2·C1 / p⌉
 *
 * Proofs with monomial challenges show that *twice* C1 is a·ũ + ẽ for short ũ, ẽ, not that C1 is. The difference is real: C1 = (Q_l·p + 1)/2 · (1 + X + … + X^(N-1)) has
 * such a proof, and ⌊C1/p⌉·s is off by Q_l/2 exactly where a parity of the secret is odd (the tests mount it). So the factor 2 is multiplied in, by whoever
 * encrypts provably and by whoever divides a C1 that was sent. Before the division it adds one bit to an error that the division takes away.
 */
import { DomainMismatchError, deriveSeed, type Polynomial, type Ring } from '@slytherin/ring'
import type { Context } from './context.js'
import type { Parameters } from './parameters.js'
import { ERROR_SIGMA } from './security.js'

/** By which a provable encryption of zero is multiplied before it is divided. */
export const PROVABLE_FACTOR = 2

/** The largest coefficient of an encryption's error. */
export const ENCRYPTION_ERROR_BOUND = Math.floor(6 * ERROR_SIGMA)

/** Indices of q_0 … q_l and p, the first special prime: the moduli of an encryption before its division. @throws InvalidLevelError */
export function encryptionIndices(parameters: Parameters, level: number): number[] {
  return [...parameters.ciphertextIndices(level), parameters.maxLevel + 1]
}

/** u of the encryption made from `seed`: ternary, over out's rows; coefficient domain. */
export function sampleEphemeral(ring: Ring, out: Polynomial, seed: Uint8Array): Polynomial {
  return withDerived(seed, 'ephemeral', derived => ring.ternary(out, derived))
}

/** e0 or e1 of the encryption made from `seed`: at most ENCRYPTION_ERROR_BOUND, over out's rows; coefficient domain. */
export function sampleEncryptionError(ring: Ring, out: Polynomial, seed: Uint8Array, component: 0 | 1): Polynomial {
  return withDerived(seed, `error ${component}`, derived => ring.gaussian(out, derived, ERROR_SIGMA))
}

/**
 * c1 of the C1 that was sent: ⌊2·C1 / p⌉, bit for bit what `Encryptor.encryptProvably` made.
 *
 * @param undivided C1, coefficient domain over `encryptionIndices` of this or of a higher level; stays as it is
 * @returns ntt domain over q_0 … q_l; the caller disposes it
 * @throws DomainMismatchError, BasisMismatchError
 */
export function secondComponent(context: Context, undivided: Polynomial, level: number): Polynomial {
  const { ring, parameters } = context
  const doubled = ring.allocateUninitialised(ring.basis(encryptionIndices(parameters, level)), 'coefficient')
  const out = ring.allocateUninitialised(ring.basis(parameters.ciphertextIndices(level)), 'coefficient')
  try {
    if (undivided.domain !== 'coefficient') throw new DomainMismatchError('secondComponent', 'coefficient', undivided.domain)
    return ring.ntt(ring.divideAndRound(out, ring.add(doubled, undivided, undivided), [parameters.maxLevel + 1]))
  } catch (error) {
    out.dispose()
    throw error
  } finally {
    doubled.dispose()
  }
}

function withDerived(seed: Uint8Array, label: string, body: (derived: Uint8Array) => Polynomial): Polynomial {
  const derived = deriveSeed(seed, label)
  try {
    return body(derived)
  } finally {
    derived.fill(0)
  }
}
