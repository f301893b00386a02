/**
 * Common reference polynomials.
 *
 *   a = XOF(sessionId ‖ protocol ‖ instance ‖ digit ‖ prime index), uniform in R_QP by rejection sampling
 *
 * Every party derives them; they are never sent. One instance has one reference polynomial per digit and one share per party is ever
 * given under it: reusing `a` for a second share cancels `a·s_i` (see the attack tests).
 */
import { deriveSeed, type Polynomial, type Ring } from '@slytherin/ring'
import { InvalidShareRequestError } from './errors.js'
import { overwritable } from './scratch.js'

/** Bytes in a session identifier: a SHA-256. */
export const SESSION_ID_BYTES = 32

/** Separates the seeds of reference polynomials from every other use of the session identifier. */
const REFERENCE_DOMAIN = 'slytherin reference polynomial'

/**
 * Public seed of one reference polynomial. The index of the prime enters as nonce in `ring.uniform`.
 *
 * @param sessionId 32 bytes: hash of the signed session descriptor and of a nonce from every party
 * @param protocol  protocol label, e.g. `refresh`
 * @param instance  unique within the protocol and session
 * @param digit     index of the gadget digit, 0 where there is one polynomial only
 * @returns 32 bytes
 * @throws InvalidShareRequestError when the session identifier is not 32 bytes or the digit is not a natural number
 */
export function referenceSeed(sessionId: Uint8Array, protocol: string, instance: string, digit: number): Uint8Array {
  checkSessionId(sessionId)
  if (!Number.isSafeInteger(digit) || digit < 0) throw new InvalidShareRequestError(protocol, 'digit', 'a natural number', digit)
  return deriveSeed(sessionId, REFERENCE_DOMAIN, protocol, instance, digit)
}

/** Expands a reference polynomial: uniform, NTT form, over `indices`. The caller disposes it. */
export function expandReference(ring: Ring, indices: readonly number[], seed: Uint8Array): Polynomial {
  return ring.uniform(overwritable(ring, indices, 'ntt'), seed)
}

/** @throws InvalidShareRequestError unless the identifier has 32 bytes */
export function checkSessionId(sessionId: Uint8Array): void {
  if (sessionId.length !== SESSION_ID_BYTES) {
    throw new InvalidShareRequestError('session', 'sessionId', `${SESSION_ID_BYTES} bytes`, `${sessionId.length} bytes`)
  }
}
