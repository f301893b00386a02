/** What every party's cryptography does, whatever its roles: opens a session, sums the collective public key, closes. */
import type { Plan } from '../terms/plan.js'
import type { ProofTerms } from '../terms/proof-batches.js'
import type { Role } from '../terms/roster.js'

export interface SessionParameters {
  sessionId: Uint8Array
  plan: Plan
  /** Number of key holders. */
  parties: number
  floodingBits: number
  maximumDecryptions: number
  /** Ciphertexts that a key holder helps to refresh. */
  maximumRefreshes: number
  /** How encryptions are proved; absent where they are not. */
  proofs?: ProofTerms | undefined
  /** Roles of this process. */
  roles: Role[]
}

export interface SessionCryptography {
  /** What the roles ask belongs to the session that is open, and is refused with a SessionStateError when none is. */
  open(session: SessionParameters): Promise<void>
  /** Ends the session and wipes what belongs to it; an evaluation in progress rejects. May be called when none is open. */
  close(): Promise<void>
  /** Shares of all key holders in party order: checked and summed to the collective public key. Resolves to its SHA-256. @throws RejectedShareError */
  setPublicKey(shares: Uint8Array[]): Promise<Uint8Array>
}
