/** How it is decided that a key share is the one that its holder committed to and signed. */
import { equalBytes } from '../base/digest.js'
import type { Signer } from '../terms/signer.js'

export interface ShareChecks {
  /** Whether a commitment, as sent, is the one that a share and its salt give. */
  opens(sent: Uint8Array, made: Uint8Array): boolean
  /** Whether a peer has signed a digest. */
  signed(peer: string, digest: Uint8Array, signature: Uint8Array): Promise<boolean>
}

export function shareChecksOf(signer: Signer): ShareChecks {
  return { opens: equalBytes, signed: async (peer, digest, signature) => await signer.verify(peer, digest, signature) }
}
