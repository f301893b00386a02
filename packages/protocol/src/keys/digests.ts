/**
 * What binds a key holder to its share before anybody's is shown, and what everybody signs of the sum:
 *
 *   commitment     H(label ‖ session ‖ holder ‖ H(share) ‖ salt), signed by the holder
 *   share          share, salt, and the holder's signature over (session, holder, H(share), salt)
 *   confirmation   H(sum of the shares), signed by every party
 */
import { digest } from '../base/digest.js'

export const SALT_BYTES = 32

/** Protocols whose shares are committed to. */
export type CommittedProtocol = 'public key' | 'relinearization'

export function shareCommitment(
  protocol: CommittedProtocol,
  sessionId: Uint8Array,
  peer: string,
  shareHash: Uint8Array,
  salt: Uint8Array
): Uint8Array {
  return digest(`slytherin ${protocol} commitment`, sessionId, peer, shareHash, salt)
}

/** What a key holder signs of its commitment. */
export function commitmentDigest(protocol: CommittedProtocol, sessionId: Uint8Array, peer: string, commitment: Uint8Array): Uint8Array {
  return digest(`slytherin ${protocol} commitment made`, sessionId, peer, commitment)
}

/** What a key holder signs of its share. */
export function shareDigest(
  protocol: CommittedProtocol,
  sessionId: Uint8Array,
  peer: string,
  shareHash: Uint8Array,
  salt: Uint8Array
): Uint8Array {
  return digest(`slytherin ${protocol} share`, sessionId, peer, shareHash, salt)
}

/** What every party signs of the collective public key. */
export function confirmationDigest(sessionId: Uint8Array, peer: string, keyHash: Uint8Array): Uint8Array {
  return digest('slytherin public key confirmation', sessionId, peer, keyHash)
}
