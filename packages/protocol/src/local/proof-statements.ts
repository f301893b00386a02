/** The statement that a proof is made and checked for, the bytes in which what it is about travels, and the check itself. */
import {
  Ciphertext,
  type Context,
  combineNoise,
  encryptionIndices,
  MalformedCiphertextError,
  PROVABLE_FACTOR,
  type ProvableEncryption,
  secondComponent
} from '@slytherin/ckks'
import { decodeUndivided, EncryptionProofs, encodeUndivided, MalformedProofError, type ProofStatement } from '@slytherin/mhe'
import { LengthMismatchError, type Polynomial, ResidueRangeError } from '@slytherin/ring'
import { digest } from '../base/digest.js'
import type { EncryptionCheck, Provenance } from '../cryptography/proofs.js'
import { inputBatches, modelBatches, type ProofBatch } from '../terms/proof-batches.js'
import { type OpenSession, SessionStateError } from './open-session.js'

/** What the plan says of a ciphertext. */
export interface PlannedCiphertext {
  readonly level: number
  readonly scale: number
  readonly magnitude: number
}

export function batchesOf({ plan }: OpenSession, { query }: Pick<Provenance, 'query'>): ProofBatch[] {
  return query === null ? modelBatches(plan) : inputBatches(plan)
}

/**
 * Session, parameters, key and every C1 are bound by the proof itself. First components are not in it: they move the message by what its sender knows, and are
 * signed with the rest of the message.
 */
export function statementOf({ sender, query, release }: Provenance, { first, level }: ProofBatch): ProofStatement {
  const names = release === undefined ? [query ?? ''] : [query ?? '', release]
  return { sender, purpose: query === null ? 'model' : 'query', first, level, binding: digest('slytherin proof for', ...names) }
}

/** @throws SessionStateError when the plan has no such batch; mhe's typed errors when the proof does not hold */
export function verifyEncryptions(session: OpenSession, check: EncryptionCheck): void {
  const { context, sessionId, publicKey } = session
  const batch = batchesOf(session, check)[check.batch]
  if (batch === undefined) throw new SessionStateError(`there is no batch ${check.batch} to prove`)
  if (check.undivided.length !== batch.count) {
    throw new MalformedProofError('C1 count', batch.count, check.undivided.length)
  }
  const undivided: Polynomial[] = []
  try {
    for (const bytes of check.undivided) undivided.push(decodeUndivided(context, bytes, batch.level))
    new EncryptionProofs(context, sessionId).verify({ publicKey, statement: statementOf(check, batch), undivided, proof: check.proof })
  } finally {
    for (const polynomial of undivided) polynomial.dispose()
  }
}

/** c0 at its level in the ntt domain, then C1 at its batch's: packed residues. Level, scale and the rest are the plan's. */
export function encodePart(session: OpenSession, { ciphertext, undivided }: ProvableEncryption): Uint8Array {
  return joinPart(session, ciphertext.components[0]!, undivided)
}

/** @param c0 ntt domain @param undivided C1, coefficient domain */
export function joinPart({ context }: OpenSession, c0: Polynomial, undivided: Polynomial): Uint8Array {
  const first = context.ring.encodePacked(c0)
  const second = encodeUndivided(context, undivided)
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return bytes
}

/** @returns the bytes of c0 and of C1 @throws MalformedCiphertextError for another length */
export function splitPart({ context }: OpenSession, bytes: Uint8Array, level: number, provenLevel: number): [Uint8Array, Uint8Array] {
  const { ring, parameters } = context
  const first = ring.packedLength(parameters.ciphertextIndices(level))
  const length = first + ring.packedLength(encryptionIndices(parameters, provenLevel))
  if (bytes.length !== length) throw new MalformedCiphertextError('length', String(length), String(bytes.length))
  return [bytes.subarray(0, first), bytes.subarray(first)]
}

/** The ciphertext whose C1 has been proved; the caller disposes it. @throws MalformedCiphertextError, MalformedProofError */
export function provenCiphertext(
  { context }: OpenSession,
  first: Uint8Array,
  undivided: Uint8Array,
  { level, scale, magnitude }: PlannedCiphertext,
  provenLevel: number
): Ciphertext {
  const { noise } = context
  const c0 = decodeFirst(context, first, level)
  try {
    using proven = decodeUndivided(context, undivided, provenLevel)
    const c1 = secondComponent(context, proven, level)
    return new Ciphertext([c0, c1], {
      level,
      scale,
      magnitude,
      noise: combineNoise(noise.fresh(PROVABLE_FACTOR), noise.encoding(scale, magnitude))
    })
  } catch (error) {
    c0.dispose()
    throw error
  }
}

/**
 * What is no ciphertext is told apart from what is one and is not proved.
 * @throws MalformedCiphertextError unless both are polynomials with residues below their primes
 */
export function checkPart({ context }: OpenSession, first: Uint8Array, undivided: Uint8Array, level: number, provenLevel: number): void {
  decodeFirst(context, first, level).dispose()
  try {
    decodeUndivided(context, undivided, provenLevel).dispose()
  } catch (error) {
    if (error instanceof MalformedProofError) {
      throw new MalformedCiphertextError(error.field, String(error.expected), String(error.actual), { cause: error })
    }
    throw error
  }
}

/** c0 from its bytes; the caller disposes it. @throws MalformedCiphertextError */
export function decodeFirst({ ring, parameters }: Context, bytes: Uint8Array, level: number): Polynomial {
  try {
    return ring.decodePacked(bytes, parameters.ciphertextIndices(level), 'ntt')
  } catch (error) {
    if (error instanceof ResidueRangeError || error instanceof LengthMismatchError) {
      throw new MalformedCiphertextError('c0', 'residues below their primes', error.message, { cause: error })
    }
    throw error
  }
}
