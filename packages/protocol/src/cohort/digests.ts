/**
 * How the parties come to one session id that none of them chose:
 *
 *   propose      coordinator → all   descriptor
 *   accept       each party          commitment = H(nonce), signature over (descriptor, party, commitment, hash of its result key)
 *   reveal       all commitments → each party, which then shows its nonce
 *   open         all nonces → each party, which checks every commitment and signature
 *
 *   sessionId = H(descriptor ‖ for every party in roster order: peer, nonce, hash of result key)
 *
 * Nonces are committed before any is shown, so the last to speak cannot steer the id, and every party's nonce is in it, so it is fresh for each of them.
 */
import { digest } from '../base/digest.js'

export const NONCE_BYTES = 32

/** Hash that stands for "no result key". */
export const NO_RESULT_KEY = new Uint8Array(0)

export interface PartyNonce {
  readonly peer: string
  readonly nonce: Uint8Array
  /** SHA-256 of the result key, or NO_RESULT_KEY. */
  readonly resultKeyHash: Uint8Array
}

export function commitmentTo(peer: string, nonce: Uint8Array): Uint8Array {
  return digest('slytherin nonce', peer, nonce)
}

export function acceptanceDigest(proposalId: Uint8Array, peer: string, commitment: Uint8Array, resultKeyHash: Uint8Array): Uint8Array {
  return digest('slytherin acceptance', proposalId, peer, commitment, resultKeyHash)
}

/** @param parties in roster order */
export function sessionIdOf(proposalId: Uint8Array, parties: readonly PartyNonce[]): Uint8Array {
  return digest('slytherin session', proposalId, ...parties.flatMap(party => [party.peer, party.nonce, party.resultKeyHash]))
}

export function openedDigest(sessionId: Uint8Array, peer: string): Uint8Array {
  return digest('slytherin session opened', sessionId, peer)
}
