import { digest } from '../base/digest.js'

/** What a key holder signs of its share of the public key. */
export function publicKeyShareDigest(sessionId: Uint8Array, peer: string, shareHash: Uint8Array): Uint8Array {
  return digest('slytherin public key share', sessionId, peer, shareHash)
}
