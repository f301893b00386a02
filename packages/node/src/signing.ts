/** Signatures of libp2p identities. Nothing here takes Node: pages sign and verify with the same lines. */
import { publicKeyFromMultihash } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Signer } from '@slytherin/protocol'

/** Who a party is: an Ed25519 key, and the libp2p peer id that follows from it. */
export interface Identity {
  /** Never leaves this process. */
  readonly privateKey: Ed25519PrivateKey
  /** Peer id as text. */
  readonly peer: string
}

/** Signs with the identity, verifies against the public key that a peer id contains. */
export function signerOf(identity: Identity): Signer {
  return {
    self: identity.peer,
    sign: async bytes => await identity.privateKey.sign(bytes),
    verify: verifySignature
  }
}

/** Whether a peer has signed: its id contains its public key. False for anything malformed. */
export async function verifySignature(peer: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    const id = peerIdFromString(peer)
    if (id.type !== 'Ed25519') return false
    return await publicKeyFromMultihash(id.toMultihash()).verify(bytes, signature)
  } catch {
    return false
  }
}
