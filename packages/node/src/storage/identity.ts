/** The Ed25519 identity of a party: its libp2p key, sealed at rest. Made once by `slytherin init`; the peer id is its public half. */
import { generateKeyPair, privateKeyFromRaw, publicKeyFromMultihash } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import type { Signer } from '@slytherin/protocol'
import { exists } from '../data/read.js'
import { FileExistsError, TamperedFileError } from './errors.js'
import type { KeyMaterial } from './key-source.js'
import { readLabel, readSealed, writeSealed } from './sealed-file.js'

const PURPOSE = 'identity'

export interface Identity {
  readonly privateKey: Ed25519PrivateKey
  /** Peer id as text. */
  readonly peer: string
}

/** @throws FileExistsError: an identity is never overwritten */
export async function createIdentity(path: string, material: KeyMaterial): Promise<Identity> {
  if (await exists(path)) throw new FileExistsError(path)
  const identity = identityOf(await generateKeyPair('Ed25519'))
  await writeSealed(path, PURPOSE, identity.privateKey.raw, material, identity.peer)
  return identity
}

/** The peer id, without the passphrase. */
export async function peekPeer(path: string): Promise<string> {
  return await readLabel(path, PURPOSE)
}

/** @throws MissingFileError, FileModeError, WrongPassphraseError, TamperedFileError */
export async function openIdentity(path: string, material: KeyMaterial): Promise<Identity> {
  const raw = await readSealed(path, PURPOSE, material)
  try {
    // The key keeps a view of what it is given: hand it a copy of its own.
    const key = privateKeyFromRaw(Uint8Array.from(raw))
    if (key.type !== 'Ed25519') throw new TamperedFileError(path, 'key type')
    return identityOf(key)
  } finally {
    raw.fill(0)
  }
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

function identityOf(privateKey: Ed25519PrivateKey): Identity {
  return { privateKey, peer: peerIdFromPrivateKey(privateKey).toString() }
}
