/** What a proof is bound to, and the challenges that follow (Fiat–Shamir). */
import type { Context } from '@slytherin/ckks'
import { NO_TERM, type Polynomial } from '@slytherin/ring'
import { hashParts } from '../hash.js'
import { polynomialHash } from '../polynomial-hash.js'
import { SESSION_ID_BYTES } from '../reference.js'
import { InvalidProofRequestError } from './errors.js'
import type { ProofSize } from './proof-size.js'

const STATEMENT_DOMAIN = 'slytherin proof of encryption: statement'
const CHALLENGE_DOMAIN = 'slytherin proof of encryption: challenge'
const EXPANSION_DOMAIN = 'slytherin proof of encryption: monomials'

/** Whose encryptions these are, and what for. */
export interface ProofStatement {
  /** Who encrypted, as the session names parties. */
  readonly sender: string
  readonly purpose: 'query' | 'model'
  /** Index of the first ciphertext of the batch among the sender's of this purpose. */
  readonly first: number
  /** Of every ciphertext of the batch. */
  readonly level: number
  /** What else the proof is to hold for only: the query's identifier, a hash of the first components. Its meaning is the caller's. */
  readonly binding: Uint8Array
}

/** @throws InvalidProofRequestError */
export function checkStatement(context: Context, sessionId: Uint8Array, { sender, purpose, first, level, binding }: ProofStatement): void {
  const { maxLevel } = context.parameters
  if (sessionId.length !== SESSION_ID_BYTES) {
    throw new InvalidProofRequestError('session', `${SESSION_ID_BYTES} bytes`, `${sessionId.length} bytes`)
  }
  if (typeof sender !== 'string' || sender.length === 0) throw new InvalidProofRequestError('sender', 'a name', typeof sender)
  if (purpose !== 'query' && purpose !== 'model') throw new InvalidProofRequestError('purpose', 'query or model', String(purpose))
  if (!Number.isSafeInteger(first) || first < 0) throw new InvalidProofRequestError('first', 'a natural number', first)
  if (!Number.isInteger(level) || level < 0 || level > maxLevel) throw new InvalidProofRequestError('level', `0 to ${maxLevel}`, level)
  if (!(binding instanceof Uint8Array)) throw new InvalidProofRequestError('binding', 'bytes', typeof binding)
}

/**
 * 32 bytes that stand for everything a proof is about but its first message.
 *
 * @param a         the public key's second component, over the rows that matter
 * @param undivided C1 of every ciphertext
 */
export function statementHash(
  context: Context,
  sessionId: Uint8Array,
  statement: ProofStatement,
  size: ProofSize,
  a: Polynomial,
  undivided: readonly Polynomial[]
): Uint8Array {
  const { sender, purpose, first, level, binding } = statement
  const numbers = [first, undivided.length, level, size.rows, size.ephemeral.bits, size.error.bits]
  return hashParts(
    STATEMENT_DOMAIN,
    JSON.stringify(context.parameters.toJSON()),
    sessionId,
    sender,
    purpose,
    numbers.join(),
    binding,
    polynomialHash(a),
    ...undivided.map(polynomialHash)
  )
}

/** @param commitments hashes of T_1 … T_V */
export function challengeOf(statement: Uint8Array, commitments: readonly Uint8Array[]): Uint8Array {
  return hashParts(CHALLENGE_DOMAIN, statement, ...commitments)
}

/**
 * W in {0, ±X^j}^(V×k), each entry uniform: SHA-256 in counter mode, words of 32 bits, those beyond the last multiple of 2N + 1 skipped.
 *
 * @returns per row and ciphertext the exponent e of X^e, 0 <= e < 2N (X^(N+j) = -X^j), or NO_TERM for 0
 */
export function expandChallenge(challenge: Uint8Array, rows: number, count: number, N: number): Int32Array[] {
  const choices = 2 * N + 1
  const limit = Math.floor(2 ** 32 / choices) * choices
  let block: DataView = new DataView(new ArrayBuffer(0))
  let blocks = 0
  let at = 0
  const next = (): number => {
    for (;;) {
      if (at === block.byteLength) {
        const hash = hashParts(EXPANSION_DOMAIN, challenge, String(blocks++))
        block = new DataView(hash.buffer, hash.byteOffset, hash.byteLength)
        at = 0
      }
      const word = block.getUint32(at, true)
      at += 4
      if (word < limit) return word % choices
    }
  }
  return Array.from({ length: rows }, () =>
    Int32Array.from({ length: count }, () => {
      const choice = next()
      return choice === 2 * N ? NO_TERM : choice
    })
  )
}
