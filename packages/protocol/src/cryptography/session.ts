/** What every party's cryptography does, whatever its roles: opens a session, sums the collective public key, closes. */
import type { Plan } from '../terms/plan.js'
import type { ProofTerms } from '../terms/proof-batches.js'
import type { Role } from '../terms/roster.js'

/** What the cryptography of a party is told when a session opens; all of it from the descriptor that every party signed. */
export interface SessionParameters {
  /** 32 bytes; public coins and shares are derived from it. */
  sessionId: Uint8Array
  /** Signed by every party; which keys and how many requests there will be follow from it. */
  plan: Plan
  /** Number of key holders. */
  parties: number
  /** s: bits of security, in the Kullback–Leibler sense, of the flooding noise in every switch. */
  floodingBits: number
  /** τ: ciphertexts that may be switched in the whole session. */
  maximumDecryptions: number
  /** Ciphertexts that a key holder helps to refresh. */
  maximumRefreshes: number
  /** How encryptions are proved; absent where they are not. */
  proofs?: ProofTerms | undefined
  /** Roles of this process. */
  roles: Role[]
}

/** What every party's cryptography does whatever its roles: opens a session, sums the collective public key, closes. */
export interface SessionCryptography {
  /** What the roles ask belongs to the session that is open, and is refused with a SessionStateError when none is. */
  open(session: SessionParameters): Promise<void>
  /** Ends the session and wipes what belongs to it; an evaluation in progress rejects. May be called when none is open. */
  close(): Promise<void>
  /** Shares of all key holders in party order: checked and summed to the collective public key. Resolves to its SHA-256. @throws RejectedShareError */
  setPublicKey(shares: Uint8Array[]): Promise<Uint8Array>
}
